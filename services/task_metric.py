"""Whether the `python:module:function` of a task is there, found by reading its file, which is not run.

Called by `services.task_file`. What the function takes and gives, `tools.metrics` checks when it loads it.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import yaml

from protocol.brief import Task
from services.task_faults import Fault, line_of


def in_metric(root: yaml.Node, task: Task, folder: Path) -> Iterator[Fault]:
    """A fault where the file, or the function in it, is missing, or where the file is not Python."""
    if not task.metric.startswith("python:"):
        return
    _, module, function = task.metric.split(":", 2)
    path = folder / (module if module.endswith(".py") else module.replace(".", "/") + ".py")  # as `tools.metrics` does
    told = _missing(path, function)
    if told:
        yield Fault(line_of(root, ("metric",)), f"metric is {task.metric!r}, and {told}")


def _missing(path: Path, function: str) -> str | None:
    if not path.is_file():
        return f"there is no file {path}: put it beside the task file, or mend the name"
    try:
        bound = set(_bound(ast.parse(path.read_bytes())))
    except SyntaxError as error:
        return f"line {error.lineno or 1} of {path} is not Python ({error.msg}): mend that line"
    except (OSError, ValueError, RecursionError, MemoryError) as error:
        return f"{path} cannot be read ({error}): mend the file"
    if bound & {function, "*", "__getattr__"}:
        return None
    return f"{path} has no function {function!r}: mend the name, or write def {function}(prediction, expected)"


def _bound(node: ast.AST) -> Iterator[str]:
    """The names that a module binds at its top level; `*` for an import of all names."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield child.name
        elif isinstance(child, ast.alias):
            yield child.asname or child.name.partition(".")[0]
        elif isinstance(child, ast.Name) and isinstance(child.ctx, ast.Store):
            yield child.id
        else:
            yield from _bound(child)
