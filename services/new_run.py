"""Makes the folder of a new run: `task.yaml` as the user wrote it, and `brief.json`, from which it is launched.

Called by the launcher for a run that starts here, and by the graph server for one that was handed to it.
"""

from __future__ import annotations

import secrets
import time
from pathlib import Path

from protocol.brief import Brief, Choices, Task
from protocol.errors import BadInput
from services import base_model, casting
from services.run_folder import RunFolder


def new_id(name: str) -> str:
    """`dates-1123-0415-7f3a`: letters, digits and `-` only, since it is part of NATS subjects."""
    safe = "".join(letter if letter.isascii() and letter.isalnum() else "-" for letter in name).strip("-").lower()
    return f"{safe or 'run'}-{time.strftime('%m%d-%H%M')}-{secrets.token_hex(2)}"


async def make_run(
    folder: RunFolder,
    task: Task,
    text: str,
    task_folder: Path,
    choices: Choices,
    data: Path | None = None,
    own_roles: bool = True,
) -> Brief:
    """Make the folder; `text` is the task file, `task_folder` what its paths are relative to; with
    `own_roles` the project's `roles/` there is looked at.

    Raises `BadInput` when the base model is nowhere, the crew cannot be had, a budget bounds nobody, or the folder
    cannot be made.
    """
    base = await base_model.find(task.base_model, task_folder)
    crew = casting.cast(task.crew, task_folder if own_roles else None)
    _bound(task, task_folder if own_roles else None)
    try:
        folder.root.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise BadInput(f"{folder.root.parent} cannot be written ({error.strerror}): give another --runs-dir") from error
    brief = Brief(
        task=task.model_copy(update={"base_model": base}),
        folder=str(folder.root),
        task_folder=str(task_folder),
        data_folder=str(data.resolve()) if data else None,
        crew=crew,
        **choices.model_dump(),
    )
    folder.task.write_text(text)
    draft = folder.brief.with_suffix(".draft")
    draft.write_text(brief.model_dump_json(indent=2))
    draft.replace(folder.brief)  # last, and at once: a folder with a brief is a run
    return brief


def _bound(task: Task, folder: Path | None) -> None:
    """A task that was handed over was looked at where the roles of this machine are not known."""
    known = casting.known(task.crew, folder) if task.budget.roles else []
    for role in task.budget.roles:
        if role not in known:
            raise BadInput(f"budget.roles.{role}: there is no such role: write one of {', '.join(known)}")
