"""One screen as an SVG picture, at any moment of a run: `postdocs watch RUN --svg FILE --at TIME`."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.text import Text

from protocol.envelope import Envelope
from protocol.ledger import Ledger
from services.cli import clockwork
from services.cli.dashboard.arrange import screen
from services.cli.dashboard.frame import Frame
from services.cli.dialogue import line, worth_a_line

COLUMNS, ROWS = 140, 40


def draw(run: str, said: Sequence[Envelope], svg: Path, at: float | None) -> None:
    """The screen as it was `at` seconds after the run began, or as it is."""
    out = Console(record=True, width=COLUMNS, file=io.StringIO(), markup=False, highlight=False, emoji=False)
    for row in screen(frame_at(run, said, at), COLUMNS, ROWS):
        out.print(row, no_wrap=True, overflow="crop")
    out.save_svg(str(svg), title=f"postdocs watch {run}")


def frame_at(run: str, said: Sequence[Envelope], at: float | None) -> Frame:
    """What there was to see at that moment."""
    ledger, told = Ledger(), list[Text]()
    for envelope in said:
        begun = clockwork.began(ledger)
        if at is not None and begun is not None and envelope.time.timestamp() - begun > at:
            return Frame(run, ledger, told, begun + at)
        ledger.apply(envelope)
        if worth_a_line(envelope.data):
            told.append(line(envelope, clockwork.elapsed(ledger, envelope)))
    last = said[-1].time.timestamp() if said else 0.0
    return Frame(run, ledger, told, last, going=False)
