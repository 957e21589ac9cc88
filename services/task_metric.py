"""Whether what a task names as its metric is there, found by reading its file, which is not run.

Called by `services.task_file`. What a function takes and gives, `tools.metrics` checks when it loads it; which tasks a
harness knows, it says itself when the scorer asks for the items.
"""

from __future__ import annotations

import ast
import os
import shlex
import shutil
from collections.abc import Iterator
from pathlib import Path

import yaml

from protocol.brief import Task
from protocol.errors import BadInput
from services.scorer.harness.process import MODULES, interpreter
from services.task_faults import Fault, line_of


def in_metric(root: yaml.Node, task: Task, folder: Path, here: bool = False) -> Iterator[Fault]:
    """A fault where the file, or the function in it, is missing, or is not Python; where there is no such script;
    and, for a task that is scored `here`, where there is no such program or the harness is not installed."""
    kind, _, rest = task.metric.partition(":")
    told = None
    if kind == "python":
        module, function = rest.split(":")
        path = folder / (module if module.endswith(".py") else module.replace(".", "/") + ".py")  # as `tools.metrics`
        told = _missing(path, function, f"def {function}(prediction, expected)")
    elif kind in ("grader", "command"):
        told = _no_program(rest, folder, here)
    elif kind == "inspect" and rest.partition("@")[0].endswith(".py"):
        file, _, name = rest.partition("@")
        told = _missing(folder / file, name or "*", f"def {name}() below @task")
    if told:
        yield Fault(line_of(root, ("metric",)), f"metric is {task.metric!r}, and {told}")
    elif kind in MODULES and here:
        yield from _not_installed(root, kind)


def _not_installed(root: yaml.Node, kind: str) -> Iterator[Fault]:
    try:
        interpreter(kind)
    except BadInput as error:
        yield Fault(line_of(root, ("metric",)), str(error))


def _no_program(command: str, folder: Path, here: bool) -> str | None:
    words = shlex.split(command)
    if here and shutil.which(words[0]) is None and not os.access(folder / words[0], os.X_OK):
        return f"there is no program {words[0]!r}: mend the name, or make it executable"
    script = next((word for word in words[1:2] if word.endswith(".py")), None)
    if script is not None and not (folder / script).is_file():
        return f"there is no file {folder / script}: put it beside the task file, or mend the name"
    return None


def _missing(path: Path, function: str, example: str) -> str | None:
    if not path.is_file():
        return f"there is no file {path}: put it beside the task file, or mend the name"
    try:
        bound = set(_bound(ast.parse(path.read_bytes())))
    except SyntaxError as error:
        return f"line {error.lineno or 1} of {path} is not Python ({error.msg}): mend that line"
    except (OSError, ValueError, RecursionError, MemoryError) as error:
        return f"{path} cannot be read ({error}): mend the file"
    if function == "*" or bound & {function, "*", "__getattr__"}:
        return None
    return f"{path} has no function {function!r}: mend the name, or write {example}"


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
