"""Asks the process, and waits for so long. Blocking: called in a thread by the curator and its tools."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from protocol.errors import BadInput
from tools.apart.work import Done, Work
from tools.filters import Filter, apply

ROOT = Path(__file__).parents[2]
FILTER_SECONDS = 30.0
"""A pattern goes over a million rows in less; one that does not is one that backtracks without end."""
VERIFY_SECONDS = 60.0
PASSED = ("PATH", "LANG", "LC_ALL", "SYSTEMROOT", "VIRTUAL_ENV", "PYTHONPATH", "LD_LIBRARY_PATH")


def filtered(rows: Sequence[Mapping[str, Any]], filters: Sequence[Filter]) -> list[list[int]]:
    """`filters.apply`, bounded in time where a pattern is among them. Raises `BadInput`."""
    if not any(one.kind == "regex" for one in filters):
        return apply(rows, filters)
    work = Work(rows=tuple(_plain(row) for row in rows), filters=tuple(filters))
    done = _asked(work, FILTER_SECONDS, "the filters", "write a pattern that does not backtrack")
    return [list(positions) for positions in done.gone]


def verified(metric: str, folder: Path, answers: Sequence[str], rows: Sequence[Mapping[str, Any]]) -> list[float]:
    """What the metric gives for each answer against itself, with its row. Raises `BadInput`."""
    work = Work(
        rows=tuple(_plain(row) for row in rows),
        metric=metric,
        folder=str(folder),
        answers=tuple(_plain(answer) for answer in answers),
    )
    return list(_asked(work, VERIFY_SECONDS, f"the verifier ({metric})", "generate fewer rows").scores)


def _plain(value: Any) -> Any:
    """As JSON can say it: dates from Parquet go as their text, lone surrogates escaped."""
    if isinstance(value, str):
        return value.encode("utf-8", errors="backslashreplace").decode()
    if isinstance(value, Mapping):
        return {_plain(str(name)): _plain(one) for name, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(one) for one in value]
    return value if isinstance(value, (int, float, bool)) or value is None else str(value)


def _asked(work: Work, seconds: float, what: str, remedy: str) -> Done:
    environment = {name: os.environ[name] for name in PASSED if name in os.environ}
    environment["PYTHONPATH"] = os.pathsep.join(filter(None, [str(ROOT), environment.get("PYTHONPATH")]))
    try:
        ended = subprocess.run(
            [sys.executable, "-P", "-m", "tools.apart.child"],  # a `tools` or `json` of the task's is none of ours
            input=work.model_dump_json().encode(),
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=environment,
            cwd=work.folder if work.metric else "/",
            timeout=seconds,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise BadInput(f"{what} did not end within {seconds:.0f} s: {remedy}") from error
    except OSError as error:
        raise BadInput(f"{what} cannot be run: {error}") from error
    try:
        done = Done.model_validate_json(ended.stdout)
    except ValidationError as error:
        raise BadInput(f"{what} ended with status {ended.returncode} and no answer: {remedy}") from error
    if done.error:
        raise BadInput(f"{what}: {done.error}")
    return done
