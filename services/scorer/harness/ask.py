"""Asks a harness for the items of a benchmark, or how a model does on some of them. Blocking. Called by `divide` when a
run begins, and by `benchmark` for every score."""

from __future__ import annotations

import json
import secrets
import shutil
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from pydantic import TypeAdapter, ValidationError

from protocol.brief import Task
from protocol.item_origin import ItemOrigin
from protocol.message import Part
from services.run_folder import RunFolder
from services.scorer.files import private_folder
from services.scorer.harness.process import HarnessFailed, environment, interpreter, run

RUNNER = Path(__file__).with_name("runner.py")
LIST_SECONDS = 1500.0
"""Its dataset may have to be downloaded."""


class Listed(Part):
    """An item of a benchmark."""

    id: str
    prompt: str
    answer: str


class Done(Part):
    """How a model did on an item."""

    id: str
    value: float
    got: str = ""


class Items(NamedTuple):
    """What a benchmark consists of."""

    harness: str
    """In a word: version and hash of the task."""
    items: list[Listed]
    origin: tuple[str, ...] = ()
    """Where they come from, as far as that is on the Hub or the web."""


_ORIGIN: TypeAdapter[str] = TypeAdapter(ItemOrigin)
_LISTED, _DONE = TypeAdapter(list[Listed]), TypeAdapter(list[Done])


def listed(task: Task, task_folder: Path, folder: RunFolder, metric: str, split: str | None = None) -> Items:
    """All items of a benchmark, or of another of its splits.

    Raises `BadInput` where the harness is not installed, `HarnessFailed`.
    """
    reply = _asked("list", task, task_folder, folder, {"metric": metric, "split": split}, LIST_SECONDS, None)
    return Items(str(reply["harness"]), _parsed(_LISTED, reply), _origin(reply))


def done(
    task: Task,
    task_folder: Path,
    folder: RunFolder,
    *,
    metric: str,
    split: str | None,
    model: Path,
    items: Sequence[str],
    threads: int | None,
    stopping: threading.Event | None = None,
) -> tuple[str, dict[str, Done]]:
    """The harness in a word, and by its key how the model did on each of `items`.

    Raises `BadInput`, `HarnessFailed`, `HarnessStopped`.
    """
    more = {"metric": metric, "split": split, "model": str(model), "items": list(items), "threads": threads}
    reply = _asked("score", task, task_folder, folder, more, task.benchmark.time, stopping)
    found = {one.id: one for one in _parsed(_DONE, reply)}
    if found.keys() != set(items):
        missing = len(set(items) - found.keys())
        raise HarnessFailed("left items out", f"it gave no outcome for {missing} of {len(items)} items")
    return str(reply["harness"]), found


@contextmanager
def workplace(folder: RunFolder) -> Iterator[Path]:
    """A private folder for one evaluation: what is written there may hold items of the test split."""
    place = private_folder(private_folder(folder.sealed) / f"evaluation-{secrets.token_hex(4)}")
    try:
        yield place
    finally:
        shutil.rmtree(place, ignore_errors=True)


def _asked(
    what: str,
    task: Task,
    task_folder: Path,
    folder: RunFolder,
    more: dict[str, Any],
    seconds: float,
    stopping: threading.Event | None,
) -> dict[str, Any]:
    kind, _, name = more.pop("metric").partition(":")
    python = interpreter(kind)
    settings = task.benchmark.model_dump(include={"score", "shots", "chat", "args"})
    with workplace(folder) as place:
        request, reply = place / "request.json", place / "reply.json"
        asked = {"do": f"{kind} {what}", "task": name, "folder": str(task_folder), "logs": str(place / "logs")}
        request.write_text(json.dumps(asked | settings | more), encoding="utf-8")
        argv = [python, str(RUNNER), str(request), str(reply)]
        run(argv, task_folder, environment(task.benchmark.env), place / "log", seconds, stopping)
        told = _reply(reply)
    if "fault" in told:
        raise HarnessFailed(told["fault"]["kind"], told["fault"]["told"])
    return told


def _reply(path: Path) -> dict[str, Any]:
    """Raises `HarnessFailed`: a task's own code may have ended the process in good order."""
    try:
        told = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise HarnessFailed("gave no reply", f"it gave no reply ({type(error).__name__})") from error
    if not isinstance(told, dict):
        raise HarnessFailed("gave no proper reply", "it gave no proper reply")
    return told


def _origin(reply: dict[str, Any]) -> tuple[str, ...]:
    """What is neither a dataset's id nor an address is a file of this machine, which no mind's tool opens."""
    told = reply.get("origin")
    return tuple(dict.fromkeys(one for one in (told if isinstance(told, list) else ()) if _is_origin(one)))


def _is_origin(told: object) -> bool:
    try:
        _ORIGIN.validate_python(told, strict=True)
    except ValidationError:
        return False
    return True


def _parsed(kind: TypeAdapter[Any], reply: dict[str, Any]) -> Any:
    try:
        return kind.validate_python(reply["items"])
    except (KeyError, ValidationError) as error:
        raise HarnessFailed("gave no proper reply", f"it gave no proper reply ({type(error).__name__})") from error
