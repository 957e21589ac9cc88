"""The last check: two steps on a slice, and a whole model in the end. Judged by the worker, from outside."""

from __future__ import annotations

import re
from collections.abc import Sequence

from protocol.job import JobEnd, JobFinished
from protocol.preflight import Flaw
from services.executor.diagnosis.tracebacks import raised

LINES = 12
MOST_CHARACTERS = 2_000


def smoke(end: JobEnd, printed: Sequence[str], script: str) -> Flaw | None:
    """None when the trial has ended as a job should."""
    if isinstance(end, JobFinished):
        return None
    found = raised(printed)
    if not found:
        shown = "\n".join(printed[-LINES:])
        return Flaw(stage="smoke", told=f"{script}: {end.reason}\n{shown}"[:MOST_CHARACTERS].rstrip())
    last = found[-1]
    places = [place for one in found for line in one.stack if (place := _line(line, script)) is not None]
    where = f"{script}:{places[-1]}" if places else script
    said = last.message or (end.reason,)
    told = (f"{where}: {said[0]}", *said[1:], *(last.stack if len(last.stack) <= 2 * LINES else _ends(last.stack)))
    return Flaw(stage="smoke", told="\n".join(told)[:MOST_CHARACTERS].rstrip())


def _ends(stack: Sequence[str]) -> Sequence[str]:
    """Where it left the script, and where it went wrong."""
    return (*stack[:LINES], "  …", *stack[-LINES:])


def _line(line: str, script: str) -> str | None:
    """The line's number, where a stack goes through the script."""
    found = re.match(rf'\s*File "(?:.*/)?{re.escape(script)}", line (\d+)', line)
    return found[1] if found else None
