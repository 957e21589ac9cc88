"""Single keys from the terminal, while the screen is up. `Ctrl-C` stays the signal that it always is."""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
import termios
import tty
from collections.abc import Callable, Iterator

NAMES = {
    "\x1b[A": "up", "\x1bOA": "up", "k": "up", "\x1b[B": "down", "\x1bOB": "down", "j": "down",
    "\x1b[5~": "page_up", "\x1b[6~": "page_down", " ": "page_down", "\t": "next", "q": "quit", "Q": "quit",
    "\x1b": "all",
}  # fmt: skip
"""What a terminal sends (ECMA-48; xterm's control sequences) → what it means here."""
LONGEST = 64
"""Bytes taken at once: somebody who leans on a key must not be obeyed for minutes."""


@contextlib.contextmanager
def keys(press: Callable[[str], None]) -> Iterator[None]:
    """`press(name)` at each key: one of `NAMES`' meanings, or the character itself. Without a terminal to read from
    there are no keys. Within a running loop.

    The settings change at once (TCSANOW): a terminal that takes no output for the moment, to Ctrl-S or because nobody
    reads it, would else keep us waiting, deaf to Ctrl-C."""
    if not sys.stdin.isatty():
        yield
        return
    loop, descriptor = asyncio.get_running_loop(), sys.stdin.fileno()
    before = termios.tcgetattr(descriptor)
    tty.setcbreak(descriptor, termios.TCSANOW)  # each key at once and unseen; signals as before

    def read() -> None:
        try:
            typed = os.read(descriptor, LONGEST)
        except OSError:  # the terminal is gone
            typed = b""
        if not typed:
            loop.remove_reader(descriptor)
            press("quit")
        for key in split(typed.decode(errors="ignore")):
            press(key)

    loop.add_reader(descriptor, read)
    try:
        yield
    finally:
        loop.remove_reader(descriptor)
        with contextlib.suppress(termios.error):  # it is gone
            termios.tcsetattr(descriptor, termios.TCSANOW, before)


def split(typed: str) -> list[str]:
    """Several keys that came at once, one by one."""
    found, at = [], 0
    while at < len(typed):
        known = next((name for name in sorted(NAMES, key=len, reverse=True) if typed.startswith(name, at)), typed[at])
        found.append(NAMES.get(known, known))
        at += len(known)
    return found
