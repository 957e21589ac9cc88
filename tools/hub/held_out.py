"""Keeps minds away from the test split where it is a dataset of the Hub: it is read once, by the scorer.

A mirror under another name is not known here; the curator's contamination check finds its rows.
"""

from __future__ import annotations

import re
from urllib.parse import unquote, urlsplit

from protocol.brief import Source, Task
from tools.hub.services import HUB, VIEWER
from tools.tool import Desk, ToolFault

HUB_HOSTS = ("huggingface.co", "www.huggingface.co", "hf.co", "datasets-server.huggingface.co")
HARMLESS = (".md", "license", "licence", ".gitattributes")
"""Ends of the names of files that hold no rows."""


def _test(desk: Desk) -> Source | None:
    task = getattr(desk.request, "task", None)
    return task.eval.test if isinstance(task, Task) and task.eval else None


def _same(test: Source | None, dataset: str) -> bool:
    """Whoever its owner is: `gsm8k` is `openai/gsm8k`, and most mirrors keep the name."""
    name = test.dataset.rpartition("/")[2].lower() if test and test.dataset else None
    return name == dataset.rpartition("/")[2].lower()


def _holds(held: Source | None, dataset: str, split: str) -> bool:
    """Whether rows of a held-out split may stand in this one, in any configuration: they often share their items.
    `train[90%:]` is of `train`, `train+test` of both, and `all` of every split."""
    parts = {part.partition("[")[0].strip() for part in held.split.split("+")} if held else set()
    return _same(held, dataset) and bool(parts & {split, "all"} or split == "all")


def refuse_split(desk: Desk, dataset: str, split: str) -> None:
    """Raises `ToolFault` for the task's test split."""
    if _holds(_test(desk), dataset, split):
        raise ToolFault(f"{dataset}, split {split}, is this task's test split: nobody but the scorer looks at it")


def refuse_training(desk: Desk, dataset: str, split: str) -> None:
    """Raises `ToolFault` for a split that is held out: nothing is trained on it."""
    refuse_split(desk, dataset, split)
    task = getattr(desk.request, "task", None)
    if isinstance(task, Task) and task.eval and _holds(task.eval.dev, dataset, split):
        raise ToolFault(f"{dataset}, split {split}, is this task's dev split: the crew measures itself by it")


def refuse_page(desk: Desk, url: str) -> None:
    """Raises `ToolFault` for an address of the Hub, or of its datasets server, that is about the task's test split."""
    test, parts = _test(desk), urlsplit(url)
    host = parts.hostname or ""
    asked = unquote(f"{parts.path}?{parts.query}").lower()
    hub = host in HUB_HOSTS or parts.netloc in {urlsplit(service.base).netloc for service in (HUB, VIEWER)}
    if test is None or test.dataset is None or not hub or not ("dataset" in asked or host.startswith("datasets-")):
        return
    name = re.escape(test.dataset.rpartition("/")[2].lower())
    if re.search(rf"(?<![\w.-]){name}(?![\w.-])", asked):
        raise ToolFault(f"{test.dataset} holds this task's test split: see inspect_dataset and dataset_rows")


def refuse_file(desk: Desk, dataset: str, path: str) -> None:
    """Raises `ToolFault` for a file that may hold rows of the task's test split."""
    if _same(_test(desk), dataset) and not path.lower().endswith(HARMLESS):
        raise ToolFault(
            f"{dataset} holds this task's test split: of its files only the card is open, of other splits dataset_rows"
        )
