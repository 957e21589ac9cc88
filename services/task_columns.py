"""Templates that name columns which the files of a task lack, found in the first row of each file.

Called by `services.task_file`. Files whose rows come one a line are looked into; of the others, and of generators and
Hub datasets, the curator and the scorer tell. So do they of a file that cannot be read, with the line in it.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from pathlib import Path

import yaml

from protocol.brief import Source, Task
from services.task_faults import Fault, line_of
from tools.sources import locate
from tools.templates import TemplateError, columns


def in_columns(root: yaml.Node, task: Task, folder: Path, data: Path | None) -> Iterator[Fault]:
    """One fault for each column that a template names and a file lacks, with all files that lack it."""
    held_out = (task.eval.dev, task.eval.test) if task.eval else ()
    sources: tuple[Source, ...] = (*task.data, *held_out)
    paths = dict.fromkeys(path for source in sources if (path := locate(source, folder, data)) is not None)
    known = {path: names for path in paths if (names := first_columns(path))}
    for key, template in (("prompt", task.prompt), ("answer", task.answer)):
        try:
            wanted = columns(template)
        except TemplateError:  # told by `task_faults.in_templates`
            continue
        for column in wanted:
            lacking = [path for path, names in known.items() if column not in names]
            if lacking:
                where, there_are = ", ".join(path.name for path in lacking), ", ".join(known[lacking[0]])
                told = f"{key} is {template[:60]!r}, and no column {column!r} is in {where}"
                yield Fault(line_of(root, (key,)), f"{told}: write one of {there_are}, or mend the data")


def first_columns(path: Path) -> tuple[str, ...]:
    """The columns of a file's first row, as `tools.row_files` reads it; none where there is no such row."""
    ending = path.suffix.lower()
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            if ending in (".csv", ".tsv"):
                return tuple(csv.DictReader(file, delimiter="," if ending == ".csv" else "\t").fieldnames or ())
            if ending in (".jsonl", ".ndjson"):
                row = json.loads(next((line for line in file if line.strip()), "{}"))
                return tuple(row) if isinstance(row, dict) else ()
    except (OSError, ValueError, RecursionError, csv.Error):
        return ()
    return ()
