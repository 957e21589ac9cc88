"""The base model of a task: its shape, from its config.json."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from protocol.brief import Task
from services.base_model import RECIPE
from services.dry_run.findings import Finding
from tools.http import Unreachable
from tools.hub_client import Gated
from tools.service import Missing
from tools.sizing import architecture, lookup, told
from tools.sizing.architecture import Architecture
from tools.tool import ToolFault

NAME = "base model"


async def look(task: Task, folder: Path) -> tuple[Architecture | None, list[Finding]]:
    """Its shape where it can be known, and what was found."""
    model = task.base_model
    if (folder / model).resolve().parent.joinpath(RECIPE).is_file() and not (folder / model / lookup.CONFIG).is_file():
        return None, [Finding(name=NAME, state="unknown", told=f"{model} is made by its {RECIPE} when the run begins")]
    on_disk = (folder / model / lookup.CONFIG).is_file()
    hub = [] if on_disk else await _on_hub(model)
    config: Mapping[str, Any] | None = lookup.nearby(model, folder)
    if config is None and not on_disk and not any(one.state == "fault" for one in hub):
        try:
            config = await lookup.from_hub(model)
        except ToolFault as error:
            return None, hub or [Finding(name=NAME, state="unknown", told=str(error))]
    if config is None:
        broken = Finding(name=NAME, state="fault", told=f"{model} has no config.json that can be read")
        return None, hub or [broken]
    try:
        shape = architecture.read(config)
    except architecture.Unsized as error:
        return None, [*hub, Finding(name=NAME, state="unknown", told=str(error))]
    return shape, [Finding(name=NAME, state="ok", told=f"{model}: {told.size(shape)}"), *hub]


async def _on_hub(model: str) -> list[Finding]:
    """Whether the Hub has it for this user; nothing where it answers and all is well."""
    from tools.hub import repository

    try:
        await repository.ask(lambda api: api.model_info(model), model, "model")
    except Unreachable:
        return [Finding(name=NAME, state="unknown", told=f"{model} on the Hub is not checked offline")]
    except (Missing, Gated) as error:
        return [Finding(name=NAME, state="fault", told=str(error))]
    except ToolFault as error:
        return [Finding(name=NAME, state="unknown", told=str(error))]
    return []
