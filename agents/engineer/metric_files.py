"""The files of a task's own `python:` metric, to go with a job that scores completions itself.

A job does not see the task's folder, where the test split may lie: it gets the metric's module, and those beside it
that it imports, as copies.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

FOLDER = "task_metric"
"""In the job's folder; what `metric_folder` of the scripts names."""


def metric_files(metric: str, task_folder: Path) -> dict[str, str]:
    """Name in the job's folder → text. Empty for a metric that comes with the crew."""
    if not metric.startswith("python:"):
        return {}
    module = metric.split(":", 2)[1]
    texts: dict[str, str] = {}
    unread = [module if module.endswith(".py") else f"{module.replace('.', '/')}.py"]
    while unread:
        name = unread.pop()
        path = task_folder / name
        if f"{FOLDER}/{name}" in texts or ".." in Path(name).parts or not path.is_file():
            continue
        texts[f"{FOLDER}/{name}"] = path.read_text()
        unread += _imported(texts[f"{FOLDER}/{name}"])
    return texts


def _imported(text: str) -> Iterator[str]:
    """Files, relative to the metric's folder, that may be what a module imports."""
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names = [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
        else:
            continue
        for name in names:
            parts = name.split(".")
            yield "/".join(parts) + ".py"
            yield from ("/".join(parts[:end]) + "/__init__.py" for end in range(1, len(parts) + 1))
