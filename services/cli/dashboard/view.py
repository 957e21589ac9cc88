"""Draws the screen on a terminal, follows its size, and takes the keys. Used by `postdocs watch`."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import time
from collections import deque
from collections.abc import AsyncIterator

from rich.console import Console
from rich.live import Live
from rich.text import Text

from protocol.envelope import Envelope
from protocol.ledger import Ledger
from protocol.tasks import stop
from services.cli import clockwork
from services.cli.dashboard.arrange import PAGES, screen
from services.cli.dashboard.frame import Frame
from services.cli.dashboard.keys import keys
from services.cli.dialogue import line, worth_a_line

SECONDS = 0.5
"""Between two frames: one takes a few milliseconds of a core that the training wants too."""
LINES_KEPT = 5_000
"""Of the dialogue."""


class Dashboard:
    """`async with dashboard.shown(): …; dashboard.on_envelope(…)`, until `dashboard.left` is set."""

    def __init__(self, console: Console, run: str, verbose: bool = False) -> None:
        self.console, self.run, self.verbose = console, run, verbose
        self.left = asyncio.Event()
        """The user has pressed `q`."""
        self.going = True
        self._page, self._scroll = PAGES[0], 0
        self._changed = asyncio.Event()
        self._live: Live | None = None
        self.begin()

    def begin(self) -> None:
        """From the journal's first message on."""
        self._ledger, self._said = Ledger(), deque[Text](maxlen=LINES_KEPT)

    def on_envelope(self, sequence: int, envelope: Envelope, ledger: Ledger) -> None:
        """One more message; `ledger` has it already."""
        self._ledger = ledger
        if self.verbose or worth_a_line(envelope.data):
            self._said.append(line(envelope, clockwork.elapsed(ledger, envelope)))

    def frame(self) -> Frame:
        going = self.going and self._ledger.ended is None
        return Frame(self.run, self._ledger, tuple(self._said), time.time(), going)

    def drawn(self) -> Text:
        """The screen in the terminal's size of this moment."""
        size = self.console.size
        rows = screen(self.frame(), size.width, size.height, self._page, self._scroll)
        return Text("\n", no_wrap=True, overflow="crop", end="").join(rows)

    def press(self, key: str) -> None:
        """`q` leaves; a digit or Tab chooses a page; arrows scroll it."""
        rows = {"up": -1, "down": 1, "page_up": 1 - self.console.size.height, "page_down": self.console.size.height - 1}
        if key == "quit":
            self.left.set()
        elif key.isdigit() and 1 <= int(key) <= len(PAGES):
            self._turn(PAGES[int(key) - 1])
        elif key == "next":
            self._turn(PAGES[(PAGES.index(self._page) + 1) % len(PAGES)])
        elif key == "all":
            self._turn(PAGES[0])
        elif key in rows:  # the dialogue is read from its end upwards
            self._scroll = max(0, self._scroll + (-rows[key] if self._page == "dialogue" else rows[key]))
        self._changed.set()

    def _turn(self, page: str) -> None:
        self._page, self._scroll = page, 0

    @contextlib.asynccontextmanager
    async def shown(self) -> AsyncIterator[None]:
        """The alternate screen; what stood on the terminal is there again afterwards."""
        loop = asyncio.get_running_loop()
        with Live(self.drawn(), console=self.console, screen=True, auto_refresh=False) as live, keys(self.press):
            loop.add_signal_handler(signal.SIGWINCH, self._changed.set)
            drawing = asyncio.create_task(self._keep_drawing(live))
            try:
                yield
            finally:
                loop.remove_signal_handler(signal.SIGWINCH)
                await stop([drawing])

    async def _keep_drawing(self, live: Live) -> None:
        """Twice a second, and at once after a key or a change of size."""
        while True:
            live.update(self.drawn(), refresh=True)
            self._changed.clear()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._changed.wait(), SECONDS)
