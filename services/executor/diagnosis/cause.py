"""From all that is known of a job's end to the `Cause` in its `JobFailed`. Called by `outcome`.

What the worker did itself comes first, then what the backend enforced, the exception that ended the script, the
signal, and last what else was printed. Every line of evidence is quoted as it stands in the log.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from protocol.job import Category, Cause
from services.executor.diagnosis import signals
from services.executor.diagnosis.limits import LIMITS
from services.executor.diagnosis.patterns.pattern import Pattern
from services.executor.diagnosis.patterns.tables import PATTERNS
from services.executor.diagnosis.tracebacks import Raised, beside_stacks, last_chain, raised

QUOTED = 500
"""Characters of a line of evidence."""
LAST_LINES = 3
"""Shown where nothing is recognised."""
NEAR = 60
"""Lines before the end in which a crash explains itself."""
BELOW_PYTHON: set[Category] = {"out_of_memory", "host_out_of_memory", "disk_full", "nccl", "driver"}
"""What libraries print about themselves even where the exception that follows is another one."""
_WRAPPER = re.compile(r"ChildFailedError|ProcessRaisedException|ProcessExitedException|RemoteTraceback")
"""Exceptions that only say that another process had one."""
_FRAME = re.compile(r'^\s*File "(?!<)(?!.*(site-packages|lib/python|services/executor/)).+", line \d+')


@dataclass(frozen=True)
class End:
    """How a job's process ended."""

    code: int | None = None
    signal: int | None = None
    limit: str | None = None
    """What the backend enforced, in its words."""
    stopped: Cause | None = None
    """Why the worker stopped it, if it did."""
    missing: str | None = None
    """What its model lacks, after exit code 0."""
    memory_share: float = 0.0
    """The most that it held of the machine's memory, 0 to 1."""


def cause(end: End, lines: Sequence[str]) -> Cause:
    """Why it failed. `lines`: the end of its log, oldest first."""
    if end.stopped is not None:
        return end.stopped
    if end.limit is not None:
        return _limit(end.limit)
    number = signals.signal_of(end.code, end.signal)
    if number is not None:
        return _signal(number, end.memory_share, lines)
    if end.code == 0:
        return Cause(category="no_model", evidence=_quoted((end.missing or "no model", *_last(lines))))
    return _exception(lines) or _chatter(lines, PATTERNS) or Cause(evidence=_unknown(lines))


def not_started(reason: str, otherwise: Category) -> Cause:
    """Why a job could not be started, by the words of the reason; `otherwise` where they name nothing."""
    found = _chatter((reason,), PATTERNS)
    return Cause(category=found.category if found is not None else otherwise, evidence=_quoted((reason,)))


def _limit(limit: str) -> Cause:
    found = next((pattern.category for pattern in LIMITS if pattern.line_of((limit,))), "killed")
    return Cause(category=found, evidence=_quoted((limit,)))  # type: ignore[arg-type]


def _signal(number: int, memory_share: float, lines: Sequence[str]) -> Cause:
    """A process may say why it is going to abort; what it said long before is not about that."""
    told = _chatter(lines[-NEAR:], [pattern for pattern in PATTERNS if pattern.category in BELOW_PYTHON])
    if told is not None:
        return told
    fatal = [line for line in lines[-NEAR:] if re.search(r"Fatal Python error|terminate called|what\(\)", line)]
    said = f"killed by {signals.name(number)}"
    held = f", while it held {memory_share:.0%} of the machine's memory" if memory_share >= signals.MEMORY_SHARE else ""
    evidence = _quoted((said + held, *(fatal or _last(lines))))
    return Cause(category=signals.category(number, memory_share), evidence=evidence)


def _exception(lines: Sequence[str]) -> Cause | None:
    """By the last exception, and by those that led to it."""
    all = [one for one in raised(lines) if not (one.message and _WRAPPER.search(one.message[0]))]
    if not all:
        return None
    chain = last_chain(all)
    for one in chain:
        found = _named(one)
        if found is not None:
            pattern, line = found
            return Cause(category=pattern.category, evidence=_quoted((*one.message[:1], line, *_where(one))))
    below = _chatter(lines, [pattern for pattern in PATTERNS if pattern.category in BELOW_PYTHON])
    return below or Cause(evidence=_quoted((*chain[0].message[:LAST_LINES], *_where(chain[0]))))


def _named(one: Raised) -> tuple[Pattern, str] | None:
    """The pattern that names an exception, and the line. What it says counts before where it was raised, and the line
    with its type before the advice that some messages go on with."""
    said, raised_there = [p for p in PATTERNS if p.stack is None], [p for p in PATTERNS if p.stack is not None]
    for patterns, message in ((said, one.message[:1]), (said, one.message), (raised_there, one.message)):
        for pattern in patterns:
            line = pattern.line_of(message, one.stack)
            if line is not None:
                return pattern, line
    return None


def _chatter(lines: Sequence[str], patterns: Sequence[Pattern]) -> Cause | None:
    """By what was printed beside exceptions, the last line first."""
    for line in reversed(beside_stacks(lines)):
        for pattern in patterns:
            if pattern.stack is None and pattern.line_of((line.strip(),)) is not None:
                return Cause(category=pattern.category, evidence=_quoted((line, *_last(lines))))
    return None


def _where(one: Raised) -> list[str]:
    """The deepest place in the job's own script."""
    return [line for line in one.stack if _FRAME.match(line)][-1:]


def _unknown(lines: Sequence[str]) -> tuple[str, ...]:
    return _quoted(_last(lines)) or ("it printed nothing",)


def _last(lines: Sequence[str]) -> list[str]:
    return [line for line in lines if line.strip()][-LAST_LINES:]


def _quoted(lines: Iterable[str]) -> tuple[str, ...]:
    """Each line once."""
    return tuple(dict.fromkeys(line.strip()[:QUOTED] for line in lines if line.strip()))
