"""The exceptions that a log shows, as Python's `traceback` module prints them
(https://docs.python.org/3/library/traceback.html): stack, exception line, more lines of its message."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

HEAD = "Traceback (most recent call last):"
LINKS = (
    "During handling of the above exception, another exception occurred:",
    "The above exception was the direct cause of the following exception:",
)
MESSAGE_LINES = 25
"""Of one exception. Messages with more (a list of the keys of a model) say what they are at the beginning."""
_RANK = re.compile(r"^\[(?:rank|default)\d+\]:\s?")
"""Before each line, where torch.distributed runs a job as several processes."""


@dataclass(frozen=True)
class Raised:
    """An exception in the log."""

    stack: tuple[str, ...]
    message: tuple[str, ...]
    """From the exception line on: `KeyError: 'labels'`."""
    linked: bool = False
    """It was raised while the one before was handled."""


def raised(lines: Sequence[str]) -> list[Raised]:
    """All of them, in the order of the log."""
    plain = [_RANK.sub("", line) for line in lines]
    heads = [number for number, line in enumerate(plain) if line.strip() == HEAD]
    found: list[Raised] = []
    for number, head in enumerate(heads):
        end = heads[number + 1] if number + 1 < len(heads) else len(plain)
        one = _raised(plain[head + 1 : end], indent=len(plain[head]) - len(plain[head].lstrip()))
        if one is not None:
            linked = any(line.strip() in LINKS for line in plain[max(0, head - 2) : head])
            found.append(Raised(*one, linked=linked and bool(found)))
    return found


def beside_stacks(lines: Sequence[str]) -> list[str]:
    """The log without the stacks: a line of source code that names an error is none."""
    kept, inside = [], False
    for line in lines:
        plain = _RANK.sub("", line)
        if plain.strip() == HEAD:
            inside = True
        elif inside and plain[:1] not in (" ", ""):
            inside = False
        if not inside:
            kept.append(line)
    return kept


def last_chain(all: Sequence[Raised]) -> list[Raised]:
    """The last exception, then those that it was raised from, nearest first."""
    chain: list[Raised] = []
    for one in reversed(all):
        chain.append(one)
        if not one.linked:
            break
    return chain


def _raised(lines: Sequence[str], indent: int) -> tuple[tuple[str, ...], tuple[str, ...]] | None:
    """Stack and message of the lines that follow a head; None where the log ends within the stack."""
    at = next((n for n, line in enumerate(lines) if line.strip() and not line.startswith(" " * (indent + 1))), None)
    if at is None:
        return None
    message: list[str] = []
    for line in lines[at : at + MESSAGE_LINES]:
        if line.strip() in LINKS:
            break
        message.append(line)
    return tuple(lines[:at]), tuple(line for line in message if line.strip())
