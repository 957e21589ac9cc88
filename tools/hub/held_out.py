"""Keeps minds away from the test split where it comes from the Hub or the web: it is read once, by the scorer.

What is known is what the task names (`dataset`, `origin`) and what the harness of a benchmark says of itself. A copy
under another name is not known here; the curator's contamination check finds its rows.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterable
from dataclasses import dataclass
from urllib.parse import SplitResult, unquote, urlsplit

from protocol.brief import Source, Task
from tools.hub.services import HUB, VIEWER
from tools.tool import Desk, ToolFault

HUB_HOSTS = ("huggingface.co", "www.huggingface.co", "hf.co", "datasets-server.huggingface.co")
GITHUB_HOSTS = ("github.com", "www.github.com", "raw.githubusercontent.com", "api.github.com")
HARMLESS = (".md", "license", "licence", ".gitattributes")
"""Ends of the names of files that hold no rows."""
WHOLE = "all"
"""As a split: every one."""
_BRANCHES = ("blob", "raw", "resolve", "tree", "edit", "blame")
"""What stands before a revision in addresses of GitHub."""


@dataclass(frozen=True)
class Place:
    """Where rows of a held-out split stand."""

    told: str
    """As the task or the harness names it."""
    dataset: str | None = None
    split: str = WHOLE
    repository: str | None = None
    """Of GitHub, `owner/name` in small letters; with `file`: of it that one."""
    file: str | None = None

    def is_dataset(self, name: str) -> bool:
        """Whoever its owner is: `gsm8k` is `openai/gsm8k`, and most mirrors keep the name."""
        return self.dataset is not None and _bare(self.dataset) == _bare(name)

    def in_split(self, dataset: str, split: str) -> bool:
        """Whether its rows may stand in this split, in any configuration: they often share their items.
        `train[90%:]` is of `train`, `train+test` of both, and `all` of every split."""
        parts = {part.partition("[")[0].strip() for part in self.split.split("+")}
        return self.is_dataset(dataset) and bool(parts & {split, WHOLE} or split == WHOLE)

    def is_code(self, repository: str, path: str) -> bool:
        """Whether a file of GitHub is it, at any revision; of a whole repository all but the harmless ones are."""
        if self.repository is None or self.repository != repository.lower():
            return False
        name = path.lower().rpartition("/")[2]
        return name == self.file if self.file else bool(name) and not name.endswith(HARMLESS)


def refuse_split(desk: Desk, dataset: str, split: str) -> None:
    """Raises `ToolFault` for the task's test split."""
    if any(place.in_split(dataset, split) for place in _places(desk, "test")):
        raise ToolFault(f"{dataset}, split {split}, is this task's test split: nobody but the scorer looks at it")


def refuse_training(desk: Desk, dataset: str, split: str) -> None:
    """Raises `ToolFault` for a split that is held out: nothing is trained on it."""
    refuse_split(desk, dataset, split)
    if any(place.in_split(dataset, split) for place in _places(desk, "dev")):
        raise ToolFault(f"{dataset}, split {split}, is this task's dev split: the crew measures itself by it")


def refuse_file(desk: Desk, dataset: str, path: str) -> None:
    """Raises `ToolFault` for a file that may hold rows of the task's test split."""
    if any(place.is_dataset(dataset) for place in _places(desk, "test")) and not path.lower().endswith(HARMLESS):
        raise ToolFault(
            f"{dataset} holds this task's test split: of its files only the card is open, of other splits dataset_rows"
        )


def is_held_code(desk: Desk, repository: str, path: str) -> bool:
    """Whether a file of GitHub holds rows of the task's test split."""
    return any(place.is_code(repository, path) for place in _places(desk, "test"))


def refuse_code(desk: Desk, repository: str, path: str) -> None:
    """Raises `ToolFault` for such a file."""
    if is_held_code(desk, repository, path):
        raise ToolFault(f"{repository} {path} holds this task's test split: nobody but the scorer looks at it")


def refuse_page(desk: Desk, url: str) -> None:
    """Raises `ToolFault` for an address that is about the task's test split: of the Hub, of its datasets server, of
    GitHub, or one that is given as the origin."""
    try:
        asked = urlsplit(url)
        host = _host(asked)
    except ValueError:  # no address: the client says so
        return
    for place in _places(desk, "test"):
        if place.dataset is not None and _is_about(place.dataset, asked, host):
            raise ToolFault(f"{place.told} holds this task's test split: see inspect_dataset and dataset_rows")
        code = place.repository is not None and _shows(place, asked, host)
        if code or (place.dataset is None and _is_below(place.told, asked, host)):
            raise ToolFault(f"{place.told} holds this task's test split: nobody but the scorer looks at it")


def _places(desk: Desk, which: str) -> list[Place]:
    """Where the rows of `dev` or `test` stand, as far as that is known."""
    task = getattr(desk.request, "task", None)
    if not isinstance(task, Task):
        return []
    if task.eval is None:  # its items come with the benchmark
        return _origins(task.benchmark.origin) if which == "test" else []
    source: Source = task.eval.test if which == "test" else task.eval.dev
    own = [Place(source.dataset, source.dataset, source.split)] if source.dataset else []
    return own + _origins(source.origin)


def _origins(told: Iterable[str]) -> list[Place]:
    return [_address(one) if "://" in one else _of_hub(one) for one in told]


def _of_hub(told: str) -> Place:
    dataset, _, split = told.partition(":")
    return Place(dataset, dataset, split or WHOLE)


def _address(told: str) -> Place:
    """A dataset of the Hub or a file of GitHub by its address, or another page of the web."""
    parts = urlsplit(told)
    host, steps = _host(parts), [step for step in unquote(parts.path).split("/") if step]
    if _is_hub(parts, host) and "datasets" in steps[:2] and steps[-1] != "datasets":  # /api/datasets/… too
        steps = steps[steps.index("datasets") :]
        end = 2 if len(steps) == 2 or steps[2] in (*_BRANCHES, "viewer") else 3
        return Place(told, "/".join(steps[1:end]))
    if host in GITHUB_HOSTS and len(steps) > 1:
        raw = host == "raw.githubusercontent.com"
        owner, *rest = steps[1:] if host == "api.github.com" else steps
        file = rest[-1].lower() if len(rest) > 2 and (raw or rest[1] in ("blob", "raw", "contents")) else None
        repository = f"{owner}/{rest[0].removesuffix('.git')}".lower() if rest else None
        return Place(told, repository=repository, file=file)
    return Place(told)


def _is_hub(parts: SplitResult, host: str) -> bool:
    """The Hub or its datasets server, be it the one that the user has set."""
    return host in HUB_HOSTS or parts.netloc in {urlsplit(service.base).netloc for service in (HUB, VIEWER)}


def _is_about(dataset: str, asked: SplitResult, host: str) -> bool:
    """Whether a page of the Hub, or of its datasets server, is about a dataset of this name."""
    told = unquote(f"{asked.path}?{asked.query}").lower()
    if not _is_hub(asked, host) or not ("dataset" in told or host.startswith("datasets-")):
        return False
    return re.search(rf"(?<![\w.-]){re.escape(_bare(dataset))}(?![\w.-])", told) is not None


def _shows(place: Place, asked: SplitResult, host: str) -> bool:
    """Whether a page of GitHub shows the file, or a file of the repository."""
    steps = [step for step in unquote(asked.path).lower().split("/") if step]
    if host not in GITHUB_HOSTS or f"/{place.repository}/" not in f"/{'/'.join(steps)}/":
        return False
    return steps[-1] == place.file if place.file else len(steps) > 2 and not steps[-1].endswith(HARMLESS)


def _is_below(told: str, asked: SplitResult, host: str) -> bool:
    """Whether an address is the one that is told, or below it, whatever stands in its query."""
    held = urlsplit(told)
    above, path = _path(held), _path(asked)
    return host == _host(held) and (path == above or path.startswith(above.rstrip("/") + "/"))


def _path(parts: SplitResult) -> str:
    return posixpath.normpath(f"/{unquote(parts.path).lower().strip('/')}")


def _host(parts: SplitResult) -> str:
    """As it is looked up: `huggingface.co.` is the same host, and so is one with other letters for these."""
    host = (parts.hostname or "").rstrip(".")
    try:
        return host.encode("idna").decode()
    except UnicodeError:
        return host


def _bare(dataset: str) -> str:
    return dataset.rpartition("/")[2].lower()
