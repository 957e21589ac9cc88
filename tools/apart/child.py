"""The process: `python -m tools.apart.child`, `Work` in, `Done` out, as JSON.

What it says of an unexpected failure is the error's name only: its text may quote a row.
"""

from __future__ import annotations

import contextlib
import os
import sys
from pathlib import Path

from protocol.errors import BadInput
from tools import filters, metrics
from tools.apart.work import Done, Work


def main() -> None:
    work = Work.model_validate_json(sys.stdin.buffer.read())
    answer = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # a metric that prints does not get into the answer
    try:
        done = _done(work)
    except (BadInput, metrics.MetricError) as error:
        done = Done(error=str(error))
    except (Exception, RecursionError, MemoryError) as error:
        done = Done(error=f"it failed ({type(error).__name__})")
    with contextlib.closing(answer):
        answer.write(done.model_dump_json())


def _done(work: Work) -> Done:
    if work.metric:
        answers = list(work.answers)
        scores = metrics.score_all(work.metric, Path(work.folder), answers, answers, list(work.rows))
        return Done(scores=tuple(scores))
    return Done(gone=tuple(tuple(positions) for positions in filters.apply(work.rows, work.filters)))


if __name__ == "__main__":
    main()
