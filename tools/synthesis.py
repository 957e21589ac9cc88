"""Generated rows, checked one by one before any of them counts as data: what is no row, does not fit the task's
templates, fails the task's own verifier, or repeats or contradicts what is known, goes, and is counted with its reason.
Called by the curator.
"""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from protocol.brief import BUILT_IN_METRICS, Task
from protocol.errors import BadInput
from protocol.generation import Dropped, Fault
from tools import apart, duplicates
from tools.examples import Example, make
from tools.templates import columns

LINE_CHARACTERS = 100_000
MOST_WRONG = 0.5
"""With more of its rows refused by the verifier, or of those that can be compared contradicted, the script is wrong,
not a row of it."""
FEW = 5
"""Rows that must be compared for that."""


@dataclass
class Checked:
    """What is left, and what is not."""

    examples: list[Example] = field(default_factory=list)
    made: int = 0
    compared: int = 0
    """Rows whose prompt stands in another source, or in dev."""
    dropped: list[Dropped] = field(default_factory=list)

    def drop(self, fault: Fault, rows: int, reason: str) -> None:
        if rows:
            self.dropped.append(Dropped(fault=fault, rows=rows, reason=reason))

    def keep_only(self, kept: Sequence[bool], fault: Fault, reason: str) -> None:
        """Drop the examples of which `kept` is false."""
        self.drop(fault, sum(not one for one in kept), reason)
        self.examples = [example for example, stays in zip(self.examples, kept, strict=True) if stays]


def read(path: Path, task: Task, most: int) -> Checked:
    """The rows of a generator's output that the templates fit, at most so many. Raises `OSError`."""
    checked, faults, bad = Checked(), Counter[Fault](), ""
    with path.open(encoding="utf-8", errors="replace") as file:
        for number, line in enumerate(file, start=1):
            if not line.strip():
                continue
            checked.made += 1
            row = _row(line)
            if row is None:
                bad = bad or f"line {number} is the first"
                faults["unreadable"] += 1
            elif len(checked.examples) >= most:
                faults["surplus"] += 1
            elif (example := _example(row, task)) is None:
                faults["unfit"] += 1
            else:
                checked.examples.append(example)
    wanted = ", ".join(dict.fromkeys(columns(task.prompt) + columns(task.answer)))
    checked.drop("unreadable", faults["unreadable"], f"lines that are no JSON object: {bad}")
    checked.drop("surplus", faults["surplus"], f"more than the {most} rows asked for")
    checked.drop("unfit", faults["unfit"], f"the columns {wanted} are not all there, or prompt or answer is blank")
    return checked


def verify(checked: Checked, task: Task, folder: Path) -> str:
    """Drop the rows whose own answer the task's metric does not accept; which metric it was, or nothing where the
    task's judges no single rows. Raises `BadInput` where it fails."""
    metric = task.metric
    if metric not in BUILT_IN_METRICS and not metric.startswith("python:"):
        return ""
    answers = [example.answer for example in checked.examples]
    scores = apart.verified(metric, folder, answers, [example.row for example in checked.examples])
    checked.keep_only([score >= 1.0 for score in scores], "wrong", f"{metric} does not accept their own answer")
    return metric


def too_wrong(checked: Checked) -> bool:
    """Whether the verifier refused so many that none is to be trusted."""
    wrong = sum(one.rows for one in checked.dropped if one.fault == "wrong")
    return wrong > MOST_WRONG * (wrong + len(checked.examples))


def contradicting(checked: Checked) -> bool:
    """Whether most of what can be compared with other sources is answered otherwise there."""
    against = sum(one.rows for one in checked.dropped if one.fault == "conflicting")
    return checked.compared >= FEW and against > MOST_WRONG * checked.compared


def deduplicate(checked: Checked) -> None:
    """Drop the rows that repeat an earlier one of their own, exactly or nearly."""
    found = duplicates.find(checked.examples)
    gone = {*found.exact, *found.near}
    reason = f"{len(found.exact)} exactly, {len(found.near)} nearly as an earlier row of its own"
    checked.keep_only([position not in gone for position in range(len(checked.examples))], "duplicated", reason)


def compare(checked: Checked, others: Mapping[str, Sequence[Example]], dev: Sequence[Example]) -> None:
    """Drop the rows that contradict a row of another source or of dev, and those that repeat one of a source."""
    answers: dict[str, set[str]] = defaultdict(set)
    for examples in (*others.values(), dev):
        for example in examples:
            answers[example.key].add(example.answer_key)
    checked.compared = sum(one.key in answers for one in checked.examples)
    agree = [one.key not in answers or one.answer_key in answers[one.key] for one in checked.examples]
    checked.keep_only(agree, "conflicting", "a row of another source, or of dev, answers their prompt otherwise")
    known = [example for examples in others.values() for example in examples]
    found = duplicates.find([*known, *checked.examples])
    gone = {position - len(known) for position in (*found.exact, *found.near)}
    stays = [position not in gone for position in range(len(checked.examples))]
    checked.keep_only(stays, "known", "exactly or nearly as a row of another source")


def _row(line: str) -> dict[str, Any] | None:
    if len(line) > LINE_CHARACTERS:
        return None
    try:
        row = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return row if isinstance(row, dict) else None


def _example(row: dict[str, Any], task: Task) -> Example | None:
    try:
        return make(row, task.prompt, task.answer, task.metric)
    except BadInput:
        return None
