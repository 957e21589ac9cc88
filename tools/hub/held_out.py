"""Keeps minds away from the test split where it is a dataset of the Hub: it is read once, by the scorer.

A mirror under another name is not known here; the curator's contamination check finds its rows.
"""

from __future__ import annotations

from protocol.brief import Source, Task
from tools.tool import Desk, ToolFault

HARMLESS = (".md", "license", "licence", ".gitattributes")
"""Ends of the names of files that hold no rows."""


def _test(desk: Desk) -> Source | None:
    task = getattr(desk.request, "task", None)
    return task.eval.test if isinstance(task, Task) and task.eval else None


def _same(test: Source | None, dataset: str) -> bool:
    """Whoever its owner is: `gsm8k` is `openai/gsm8k`, and most mirrors keep the name."""
    name = test.dataset.rpartition("/")[2].lower() if test and test.dataset else None
    return name == dataset.rpartition("/")[2].lower()


def refuse_split(desk: Desk, dataset: str, split: str) -> None:
    """Raises `ToolFault` for the task's test split, in any configuration: they often share their items."""
    test = _test(desk)
    if test and _same(test, dataset) and test.split.partition("[")[0] == split:  # `train[90%:]` is of `train`
        raise ToolFault(f"{dataset}, split {split}, is this task's test split: nobody but the scorer looks at it")


def refuse_file(desk: Desk, dataset: str, path: str) -> None:
    """Raises `ToolFault` for a file that may hold rows of the task's test split."""
    if _same(_test(desk), dataset) and not path.lower().endswith(HARMLESS):
        raise ToolFault(
            f"{dataset} holds this task's test split: of its files only the card is open, of other splits dataset_rows"
        )
