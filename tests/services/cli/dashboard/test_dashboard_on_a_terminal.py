"""`postdocs watch` on a real terminal (a pty): it fills it, follows its size, takes keys, and leaves it as it was."""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import os
import pty
import re
import select
import signal
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1]))
from runs_on_disk import UNENDED, keep
from story_of_a_run import RUN, whole_story

from protocol.journal import Journal
from services.run_access import own_server
from services.run_folder import RunFolder

BEGIN, END = "\x1b[?1049h", "\x1b[?1049l"
"""The alternate screen, on and off (xterm's control sequences)."""
PATIENCE = 60.0


class Terminal:
    """A command on a pty; what it wrote is in `text`."""

    def __init__(self, *command: str, width: int = 80, height: int = 24) -> None:
        self.master, self._slave = pty.openpty()
        self.resize(width, height)
        self.before = termios.tcgetattr(self._slave)
        environment = {**os.environ, "TERM": "xterm-256color"}
        for name in ("COLUMNS", "LINES", "NO_COLOR"):
            environment.pop(name, None)
        self.process = subprocess.Popen(
            command,
            stdin=self._slave,
            stdout=self._slave,
            stderr=self._slave,
            env=environment,
            start_new_session=True,
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # tests in a shell's background ignore it
        )
        self.text = ""

    def resize(self, width: int, height: int) -> None:
        fcntl.ioctl(self.master, termios.TIOCSWINSZ, struct.pack("HHHH", height, width, 0, 0))

    def type(self, keys: str) -> None:
        os.write(self.master, keys.encode())

    def wait_for(self, pattern: str, since: int = 0) -> str:
        """Read until it is there, in what was written after `since`; give all of that."""
        deadline = time.monotonic() + PATIENCE
        while not re.search(pattern, self.text[since:]):
            assert time.monotonic() < deadline, f"no {pattern!r} in {self.text[since:][-2000:]!r}"
            self._read()
        return self.text[since:]

    def end(self) -> int:
        """Its exit code. It is read from until then: one that nobody reads waits until its last words are taken."""
        deadline = time.monotonic() + PATIENCE
        while self.process.poll() is None:
            assert time.monotonic() < deadline, f"it goes on: {self.text[-2000:]!r}"
            self._read()
        return self.process.returncode

    def _read(self) -> None:
        if select.select([self.master], [], [], 0.1)[0]:
            self.text += os.read(self.master, 65536).decode(errors="replace")

    @property
    def settings(self) -> list[object]:
        return termios.tcgetattr(self._slave)


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("runs")
    keep(RunFolder(root / UNENDED), whole_story(root / UNENDED, UNENDED, ends=False))
    keep(RunFolder(root / RUN), whole_story(root / RUN))
    return root


@contextlib.contextmanager
def watching(runs: Path, *arguments: str) -> Iterator[Terminal]:
    terminal = Terminal(sys.executable, "-m", "services.cli.main", "watch", *arguments, "--runs-dir", str(runs))
    try:
        yield terminal
    finally:
        terminal.process.kill()
        terminal.process.wait()
        os.close(terminal.master)
        os.close(terminal._slave)


def test_it_fills_the_terminal_turns_pages_follows_its_size_and_leaves_with_q(runs: Path) -> None:
    with watching(runs, RUN) as terminal:
        terminal.wait_for("target met: ships e3")
        assert BEGIN in terminal.text
        so_far = len(terminal.text)
        terminal.type("3")
        page = terminal.wait_for("strategies and experiments", so_far)
        assert "── dialogue" not in page
        so_far = len(terminal.text)
        terminal.resize(130, 40)
        os.killpg(terminal.process.pid, signal.SIGWINCH)
        wide = terminal.wait_for("q quits", so_far)
        assert max(len(row) for row in re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", wide).splitlines()) >= 130
        terminal.type("q")
        terminal.wait_for("sealed, read once")
        assert terminal.end() == 0
        assert terminal.text.index(END) < terminal.text.index("sealed, read once")
        assert terminal.settings == terminal.before


def test_ctrl_c_leaves_a_run_that_stands_still_as_it_was(runs: Path) -> None:
    with watching(runs, UNENDED) as terminal:
        terminal.wait_for(f"stopped, go on by postdocs resume {UNENDED}")
        assert not (runs / UNENDED / "bus" / "server.json").exists(), "nobody else is kept from resuming it"
        os.killpg(terminal.process.pid, signal.SIGINT)
        assert terminal.end() == 130
        terminal.wait_for(re.escape(END))
        assert terminal.settings == terminal.before


def test_it_ends_when_its_terminal_is_gone(runs: Path) -> None:
    with watching(runs, UNENDED) as terminal:
        terminal.wait_for("stopped, go on")
        os.close(terminal.master)
        terminal.master = os.open(os.devnull, os.O_RDONLY)
        terminal.process.wait(timeout=PATIENCE)


async def test_it_follows_a_run_that_goes_on_and_leaves_it_alone(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path / RUN)
    folder.root.mkdir()
    said = whole_story(folder.root)
    async with own_server(folder) as connection:
        bus = await connection.connect("test")
        journal = Journal(bus, folder.id)
        await journal.create()
        for envelope in said[:14]:
            await journal.append(envelope)
        with watching(tmp_path, RUN) as terminal:
            await asyncio.to_thread(terminal.wait_for, "running.*\\n.*floor 0.020")
            assert "e3" not in terminal.text
            for envelope in said[14:-1]:
                await journal.append(envelope)
            await asyncio.to_thread(terminal.wait_for, "ships .*e3 0.880")
            terminal.type("q")
            assert await asyncio.to_thread(terminal.end) == 0
            await journal.append(said[-1])
            assert len([envelope async for _, envelope in journal.replay()]) == len(said)
        await bus.close()


def test_plain_is_the_dialogue_line_by_line(runs: Path) -> None:
    with watching(runs, RUN, "--plain") as terminal:
        terminal.wait_for("sealed, read once")
        assert BEGIN not in terminal.text
        assert terminal.end() == 0
