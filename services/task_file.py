"""Reads a task file: YAML to a `Task`, or one `BadInput` that gives line, value and remedy of every fault in it.

Called by `postdocs run` and by whoever else starts a run from a file.
"""

from __future__ import annotations

from pathlib import Path

import yaml
from pydantic import ValidationError

from protocol.brief import Source, Task
from protocol.errors import BadInput
from services import base_model, casting, task_faults
from services.task_columns import in_columns
from services.task_faults import Fault, line_of
from services.task_metric import in_metric

EXAMPLE_TASK = "examples/dates/task.yaml"
_MOST_FAULTS = 10


def load_task(
    path: Path,
    data: Path | None = None,
    text: str | None = None,
    *,
    here: bool = False,
    roles: casting.Roles = "own",
) -> Task:
    """The task in the file at `path`, or in `text` as if it stood there; `data` is the folder that `--data` gave.
    With `here`, what its scorer needs must be on this machine. `roles`: which ones it may name.

    Raises `BadInput`: one line a fault, `FILE:LINE: what is wrong with which value: what to write instead`.
    `base_model` stays as it was given (a path relative to the file, or a Hub id).
    """
    root = _compose(path, _read(path) if text is None else text)
    _refuse(path, list(task_faults.in_structure(root)))
    try:
        task = Task.model_validate(yaml.constructor.SafeConstructor().construct_document(root))
    except ValidationError as error:
        _refuse(path, task_faults.in_values(root, error))
        raise
    except yaml.YAMLError as error:
        raise BadInput(_syntax(path, error)) from error
    faults = [*task_faults.in_templates(root, task), *in_metric(root, task, path.parent, here)]
    faults += _missing_files(root, task, path.parent, data)
    faults += _in_roles(root, task, path.parent, roles)
    faults += in_columns(root, task, path.parent, data)
    missing_model = base_model.fault(task.base_model, path.parent)
    if missing_model:
        faults.append(Fault(line_of(root, ("base_model",)), missing_model))
    _refuse(path, faults)
    return task


def resolve(name: str, task_folder: Path, data_folder: Path | None = None) -> Path:
    """Where a file that a task names is: in the folder of `--data` if it is there, else beside the task file."""
    if data_folder is not None and (data_folder / name).exists():
        return data_folder / name
    return task_folder / name


def _read(path: Path) -> str:
    if path.is_dir():
        inside = path / "task.yaml"
        remedy = f"give {inside}" if inside.is_file() else f"give a YAML file such as {EXAMPLE_TASK}"
        raise BadInput(f"{path} is a folder, not a task file: {remedy}")
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError as error:
        raise BadInput(f"there is no task file {path}: give a YAML file such as {EXAMPLE_TASK}") from error
    except UnicodeDecodeError as error:
        raise BadInput(f"{path} is not text in UTF-8 (byte {error.start}): save it as UTF-8") from error
    except (OSError, ValueError) as error:
        raise BadInput(f"{path} cannot be read: {error}") from error


def _compose(path: Path, text: str) -> yaml.MappingNode:
    try:
        root = yaml.compose(text, Loader=yaml.SafeLoader)
    except (yaml.YAMLError, RecursionError) as error:
        raise BadInput(_syntax(path, error)) from error
    if root is None:
        raise BadInput(f"{path}:1: the file is empty: a task begins like {EXAMPLE_TASK}")
    if not isinstance(root, yaml.MappingNode):
        line = root.start_mark.line + 1
        raise BadInput(f"{path}:{line}: a task is a mapping of keys to values: write e.g. name: my-task")
    return root


def _syntax(path: Path, error: Exception) -> str:
    """One line for a YAML error: where, what, and what usually helps."""
    mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
    line = mark.line + 1 if mark else 1
    problem = getattr(error, "problem", None) or getattr(error, "reason", None) or type(error).__name__
    remedy = "indent with spaces" if "\\t" in problem else "check quotes, colons and indentation here"
    return f"{path}:{line}: not valid YAML ({problem}): {remedy}"


def _missing_files(root: yaml.Node, task: Task, folder: Path, data: Path | None) -> list[Fault]:
    """Files that the task names and that are not there. A `file` beside a `dataset` matters only with `--data`."""
    faults: list[Fault] = []
    places: list[tuple[tuple[str | int, ...], Source]] = [(("data", i), s) for i, s in enumerate(task.data)]
    if task.eval:
        places += [(("eval", "dev"), task.eval.dev), (("eval", "test"), task.eval.test)]
    for loc, source in places:
        key = "generator" if source.generator else "file"
        name = source.generator or source.file
        if name is None or (source.dataset and data is None) or resolve(name, folder, data).is_file():
            continue
        looked = f"{data} nor in {folder}" if data else f"{folder}"
        remedy = "mend the name" if data else "mend the name, or give its folder with --data DIR"
        told = f"{task_faults.spell((*loc, key))} is {name!r}, and no such file is in {looked}: {remedy}"
        faults.append(Fault(line_of(root, (*loc, key)), told))
    return faults


def _in_roles(root: yaml.Node, task: Task, folder: Path, roles: casting.Roles) -> list[Fault]:
    """What is wrong with the crew; budgets of roles that are not in it: they would bound nobody."""
    faults = list(casting.in_crew(root, task, folder, roles))
    if faults or roles == "there":
        return faults
    known = casting.known(task.crew, folder if roles == "own" else None) if task.budget.roles else []
    return [
        Fault(
            line_of(root, ("budget", "roles", role)),
            f"budget.roles.{role}: there is no such role: write one of {', '.join(known)}",
        )
        for role in task.budget.roles
        if role not in known
    ]


def _refuse(path: Path, faults: list[Fault]) -> None:
    """Raise `BadInput` with all faults in the order of their lines; do nothing when there is none."""
    if not faults:
        return
    faults = sorted(set(faults))
    lines = [f"{path}:{fault.line}: {_on_one_line(fault.text)}" for fault in faults[:_MOST_FAULTS]]
    if len(faults) > _MOST_FAULTS:
        lines.append(f"{path}: and {len(faults) - _MOST_FAULTS} more")
    raise BadInput("\n".join(lines))


def _on_one_line(text: str) -> str:
    """A key may hold any character; a fault must not."""
    return "".join(char if char.isprintable() else " " for char in text)
