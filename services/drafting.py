"""Turns a goal in plain words into a task file, by rules: no model is asked, and nothing is guessed silently.

Called by `postdocs run "…"` and by Studio's desk. What it understands: the name or the path of a known task, or a base
model beside a file of rows whose columns say which is the question and which the answer. What is made is a task file
as a user would write it, checked as such a file is, and shown before it is run.
"""

from __future__ import annotations

import hashlib
import json
import os.path
import random
import re
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from agents import registry
from protocol.brief import is_task_text
from protocol.errors import BadInput
from services.task_columns import first_columns
from services.task_file import EXAMPLE_TASK, load_task
from tools.row_files import BadLine, read_file

DRAFTS = ".drafts"
ASKED = ("question", "prompt", "input", "instruction", "query", "problem", "text")
ANSWERED = ("answer", "output", "response", "completion", "label", "target", "solution")
ROW_FILES = (".csv", ".tsv", ".jsonl", ".ndjson")
HELD_OUT_SHARE = 0.1
"""Of the rows, for each of the two held-out splits."""
MOST_HELD_OUT = 1000
LEAST_ROWS = 60
"""Below this the held-out splits could show nothing."""
UNITS = {"s": "s", "m": "m", "h": "h"}
_WORD = re.compile(r"[^\s,;\"']+")
_TIME = re.compile(r"\b(\d+(?:\.\d+)?)\s*(s|m|h|seconds?|minutes?|min|hours?)\b", re.I)
_TARGET = re.compile(r"\b(?:reach|to|target|at least)\s+(\d+(?:\.\d+)?)\s*(%)?(?=[\s.,;]|$)", re.I)
EXAMPLES = Path(__file__).parents[1] / "examples"


@dataclass(frozen=True)
class Draft:
    """A task that has been checked."""

    text: str
    """The task file."""
    folder: Path
    """What its paths are relative to."""
    how: str
    """How it came about, in a sentence."""
    name: str
    pasted: bool = False
    """It came as a text, from no folder: its paths hold from where we stand, and no `roles/` there is its own."""


def draft(words: str, drafts: Path) -> Draft:
    """The task that is meant by a sentence, a path, or the text of a task file. `drafts`: where new files may go.

    Raises `BadInput`: what was not understood, and what would be.
    """
    words = words.strip()
    if not words:
        raise BadInput(f"there is nothing to make a task of: write a goal, or give a task file such as {EXAMPLE_TASK}")
    if is_task_text(words):
        return _checked(words, Path.cwd(), "the task as it was given", pasted=True)
    path = Path(words).expanduser()
    if os.path.exists(path) or (" " not in words and path.suffix in (".yaml", ".yml")):  # noqa: PTH110 (see goal.py)
        load_task(path)
        return _checked(path.read_text(), path.resolve().parent, f"the task file {path}")
    words = " ".join(words.split())
    known = _known(words)
    if known is not None:
        return _of_known(words, known)
    return _of_rows(words, drafts)


def save(made: Draft, drafts: Path) -> Path:
    """The draft as a file from where its paths hold: they are made absolute where it does not lie beside them."""
    own = f"{made.folder}{made.pasted}{made.text}"  # the same text elsewhere has other files and roles beside it
    folder = made.folder if made.folder.is_relative_to(drafts.resolve()) else drafts.resolve() / _digest(own)
    folder.mkdir(parents=True, exist_ok=True)
    text = made.text
    if folder != made.folder:
        text = yaml.safe_dump(_absolute(yaml.safe_load(text), made.folder), sort_keys=False, allow_unicode=True)
        for script in made.folder.glob("*.py"):  # a metric of the user's own is found beside the task
            shutil.copy2(script, folder)
        roles = folder / registry.FOLDER
        if (made.folder / registry.FOLDER).is_dir() and not made.pasted and not roles.is_symlink():
            roles.symlink_to(made.folder / registry.FOLDER)  # they stay where they are: their path is told
    path = folder / "task.yaml"
    path.write_text(text)
    return path


def _checked(text: str, folder: Path, how: str, *, pasted: bool = False) -> Draft:
    task = load_task(folder / "task.yaml", text=text, roles="installed" if pasted else "own")
    return Draft(text, folder, how, task.name, pasted)


# -- a task that is known ----------------------------------------------------------------------------------------


def _known(words: str) -> Path | None:
    """The task file that a sentence names, by its path or by the name of an example."""
    found = [Path(word).expanduser() for word in _WORD.findall(words)]
    for path in found:
        if path.suffix in (".yaml", ".yml") and path.is_file():
            return path
    spoken = {word.lower().strip(".") for word in _WORD.findall(words)}
    named = [path for path in sorted(EXAMPLES.glob("*/task.yaml")) if path.parent.name in spoken]
    return named[0] if len(named) == 1 else None


def _of_known(words: str, path: Path) -> Draft:
    """The known task, with what the sentence says otherwise."""
    task = yaml.safe_load(path.read_text())
    changes = _wishes(words)
    model = _model(words)
    if model is not None:
        changes["base_model"] = model
    for key, value in changes.items():
        task[key] = {**(task.get(key) or {}), **value} if isinstance(value, dict) else value
    told = ", ".join(changes) or "nothing"
    text = path.read_text() if not changes else yaml.safe_dump(task, sort_keys=False, allow_unicode=True)
    return _checked(text, path.resolve().parent, f"the task {path}, changed: {told}")


# -- a model and rows --------------------------------------------------------------------------------------------


def _of_rows(words: str, drafts: Path) -> Draft:
    model, rows = _model(words), _row_file(words)
    if model is None or rows is None:
        names = ", ".join(path.parent.name for path in sorted(EXAMPLES.glob("*/task.yaml")))
        missing = " and ".join(
            what for what, is_there in (("a base model", model), ("a file of rows", rows)) if not is_there
        )
        raise BadInput(
            f"{words!r} names no task that is known ({names}), and not {missing}: name a folder of a model or its id "
            f"on the Hub, and a file ({', '.join(ROW_FILES)}); or write a task file such as {EXAMPLE_TASK}"
        )
    asked, answered = _question_and_answer(rows)
    folder = drafts.resolve() / _digest(f"{words}{rows.resolve()}{rows.stat().st_mtime_ns}")
    counts = _divide(rows, folder)
    name = re.sub(r"[^A-Za-z0-9]+", "-", rows.parent.name if rows.stem == "train" else rows.stem).strip("-") or "task"
    task: dict[str, Any] = {
        "name": name.lower(),
        "goal": words,
        "base_model": model,
        "prompt": f"{{{asked}}}\n" if asked in ASKED else f"{{{asked}}} ->",
        "answer": f"{{{answered}}}" if asked in ASKED else f" {{{answered}}}",
        "metric": "exact_match",
        "data": [{"name": "rows", "file": "train.jsonl"}],
        "eval": {"dev": {"file": "dev.jsonl"}, "test": {"file": "test.jsonl"}},
        **_wishes(words),
    }
    how = f"{rows.name}: {asked!r} is asked, {answered!r} answers; {'/'.join(map(str, counts))} rows train/dev/test"
    return _checked(yaml.safe_dump(task, sort_keys=False, allow_unicode=True), folder, how)


def _question_and_answer(rows: Path) -> tuple[str, str]:
    """By name; of two columns the first is asked. Raises `BadInput`."""
    columns = first_columns(rows)
    lower = {column.lower(): column for column in columns}
    asked = next((lower[name] for name in ASKED if name in lower), None)
    answered = next((lower[name] for name in ANSWERED if name in lower), None)
    if asked and answered:
        return asked, answered
    if len(columns) == 2:
        return columns[0], columns[1]
    raise BadInput(
        f"{rows} has the columns {', '.join(columns) or '(none)'}, and which is the question and which the answer "
        f"cannot be told: name them so ({ASKED[0]}, {ANSWERED[0]}), or write a task file such as {EXAMPLE_TASK}"
    )


def _divide(rows: Path, folder: Path) -> tuple[int, int, int]:
    """Write the rows into `folder` as train, dev and test, drawn with seed 0; equal rows stay together."""
    try:
        found = read_file(rows)
    except BadLine as error:
        raise BadInput(f"{rows}: {error}") from error
    lines = sorted({json.dumps(row, ensure_ascii=False, sort_keys=True) for row in found})
    if len(lines) < LEAST_ROWS:
        raise BadInput(f"{rows} has {len(lines)} different rows: {LEAST_ROWS} are the least that can show anything")
    random.Random(0).shuffle(lines)
    held = min(MOST_HELD_OUT, max(1, int(HELD_OUT_SHARE * len(lines))))
    parts = {"dev": lines[:held], "test": lines[held : 2 * held], "train": lines[2 * held :]}
    folder.mkdir(parents=True, exist_ok=True)
    for name, part in parts.items():
        (folder / f"{name}.jsonl").write_text("\n".join(part) + "\n")
    return len(parts["train"]), held, held


# -- words ---------------------------------------------------------------------------------------------------------


def _wishes(words: str) -> dict[str, Any]:
    """Time and target, where the sentence says so."""
    wishes: dict[str, Any] = {}
    time = _TIME.search(words)
    if time:
        wishes["budget"] = {"time": f"{time[1]}{time[2][0].lower()}"}
    target = _TARGET.search(_TIME.sub("", words))
    if target:
        value = float(target[1]) / (100 if target[2] or float(target[1]) > 1 else 1)
        if 0 < value <= 1:
            wishes["target"] = value
    return wishes


def _model(words: str) -> str | None:
    """A folder with a model, or an id on the Hub (`Qwen/Qwen3-0.6B-Base`)."""
    for word in _WORD.findall(words):
        path = Path(word.rstrip(".")).expanduser()
        if (path / "config.json").is_file():
            return str(path.resolve())
        if (
            re.fullmatch(r"[A-Za-z0-9][\w.-]*/[\w.-]*[A-Za-z0-9]", word)
            and not path.exists()
            and path.suffix not in ROW_FILES
        ):
            return str(word.rstrip("."))
    return None


def _row_file(words: str) -> Path | None:
    for word in _WORD.findall(words):
        path = Path(word.rstrip(".")).expanduser()
        if path.suffix.lower() in ROW_FILES and path.is_file():
            return path
    return None


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def _absolute(task: dict[str, Any], folder: Path) -> dict[str, Any]:
    """The task with paths that hold from anywhere."""

    def moved(source: dict[str, Any]) -> dict[str, Any]:
        paths = {key: str(folder / source[key]) for key in ("file", "generator") if source.get(key)}
        return {**source, **paths}

    changes: dict[str, Any] = {"data": [moved(source) for source in task["data"]]}
    if task.get("eval"):
        changes["eval"] = {split: moved(source) for split, source in task["eval"].items()}
    if (folder / task["base_model"] / "config.json").is_file() or task["base_model"].startswith("."):
        changes["base_model"] = str((folder / task["base_model"]).resolve())
    return {**task, **changes}
