"""Reads the rows of a source named in a task: a local file, a Hub dataset, or a generator's output. Called by the
curator for training rows and by the scorer for the held-out splits."""

from __future__ import annotations

import json
import random
import subprocess
import sys
from pathlib import Path

from protocol.brief import DataSource, Source
from protocol.errors import BadInput
from tools import hub_dataset
from tools.row_files import BadLine, read_file

Row = dict[str, object]

GENERATOR_TIMEOUT_SECONDS = 120.0
"""A generator writes rows, it does not train: two minutes are many times what 100,000 rows need."""


class SourceError(BadInput):
    """A source that gives no rows."""

    def __init__(self, source: str, what: str, remedy: str) -> None:
        self.source, self.what, self.remedy = source, what, remedy
        super().__init__(f"source {source}: {what}; {remedy}")


def read_rows(source: Source, task_folder: Path, data_folder: Path | None = None) -> list[Row]:
    """All rows of a source, or its seeded sample without replacement (all rows where there are fewer).

    A `file` is looked for in `data_folder` (what `--data` gave), then in `task_folder`; a `dataset` is taken from
    its `file` where that exists, else from the Hub. Raises SourceError with the remedy.
    """
    rows = _all_rows(source, task_folder, data_folder)
    if not rows:
        raise SourceError(label(source), "it has no rows", "give a source that has at least one")
    if source.sample is not None and source.sample < len(rows):
        return random.Random(source.seed).sample(rows, source.sample)
    return rows


def label(source: Source) -> str:
    """What people call a source: its name, else where it comes from."""
    if isinstance(source, DataSource):
        return source.name
    return source.file or source.dataset or source.generator or "unnamed"


def locate(source: Source, task_folder: Path, data_folder: Path | None = None) -> Path | None:
    """The local file that holds the source's rows, or None where there is none."""
    if source.file is None:
        return None
    folders = [folder for folder in (data_folder, task_folder) if folder is not None]
    return next((folder / source.file for folder in folders if (folder / source.file).is_file()), None)


def _all_rows(source: Source, task_folder: Path, data_folder: Path | None) -> list[Row]:
    if source.generator is not None:
        return _generated(source, source.generator, task_folder)
    path = locate(source, task_folder, data_folder)
    if path is not None:
        return _from_file(source, path)
    if source.dataset is not None:
        return _from_hub(source, source.dataset)
    looked = " and ".join(str(folder) for folder in (data_folder, task_folder) if folder is not None)
    what = f"there is no file {source.file!r} in {looked}"
    raise SourceError(label(source), what, "correct `file`, or give its folder by --data DIR")


def _from_file(source: Source, path: Path) -> list[Row]:
    try:
        return read_file(path)
    except BadLine as error:
        where = f"line {error.line} of {path}" if error.line else str(path)
        raise SourceError(label(source), f"{where} cannot be read: {error.why}", error.remedy) from error
    except OSError as error:
        raise SourceError(label(source), f"{path} cannot be read: {error.strerror}", "make it readable") from error


def _from_hub(source: Source, dataset: str) -> list[Row]:
    wanted = f" as the file {source.file}" if source.file else ", name it as `file` in the task"
    remedy = f"without network, put it into a folder{wanted}, and give that folder by --data DIR"
    try:
        return hub_dataset.load(dataset, source.config, source.split)
    except hub_dataset.HubFailed as error:
        what = f"the Hub dataset {dataset} (split {source.split}) cannot be loaded: {error.why}"
        raise SourceError(label(source), what, remedy) from error
    except ImportError as error:
        what = f"the Hub dataset {dataset} needs the `datasets` package"
        raise SourceError(label(source), what, "pip install 'postdocs[train]'") from error


def _generated(source: Source, script: str, task_folder: Path) -> list[Row]:
    name, remedy = label(source), f"run `python {script}` in {task_folder} and correct it"
    if not (task_folder / script).is_file():
        raise SourceError(name, f"there is no generator {script!r} in {task_folder}", "correct `generator`")
    command = [sys.executable, script, *source.args]
    try:
        done = subprocess.run(
            command, cwd=task_folder, capture_output=True, timeout=GENERATOR_TIMEOUT_SECONDS, check=False
        )
    except subprocess.TimeoutExpired as error:
        raise SourceError(name, f"{script} did not end within {GENERATOR_TIMEOUT_SECONDS:.0f} s", remedy) from error
    if done.returncode != 0:
        said = done.stderr.decode(errors="replace").strip().splitlines() or ["(it said nothing)"]
        raise SourceError(name, f"{script} ended with {done.returncode}: {said[-1]}", remedy)
    return _parsed_output(name, script, done.stdout, remedy)


def _parsed_output(name: str, script: str, output: bytes, remedy: str) -> list[Row]:
    rows: list[Row] = []
    for number, line in enumerate(output.decode(errors="replace").split("\n"), start=1):  # U+2028 may stand in JSON
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except json.JSONDecodeError as error:
            raise SourceError(name, f"{script} wrote line {number} that is not JSON: {line[:80]!r}", remedy) from error
        if not isinstance(row, dict):
            raise SourceError(name, f"{script} wrote line {number} that is no JSON object: {line[:80]!r}", remedy)
        rows.append(row)
    return rows
