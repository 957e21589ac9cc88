"""Finds the base model of a task: a folder, a recipe that makes the folder, or an id on the Hub."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from protocol.errors import BadInput

MAKE_SECONDS = 600.0
RECIPE = "make.py"


async def find(base_model: str, task_folder: Path) -> str:
    """Absolute path of the model's folder, or the Hub id as it is.

    A folder that is not there yet, but has a `make.py` beside it, is made first (`examples/tiny/`). Raises `BadInput`
    when a path leads nowhere or the recipe fails.
    """
    folder = (task_folder / base_model).resolve()
    if (folder / "config.json").is_file():
        return str(folder)
    recipe = folder.parent / RECIPE
    if recipe.is_file():
        await _make(recipe, folder)
        return str(folder)
    told = fault(base_model, task_folder)
    if told:
        raise BadInput(told)
    return base_model


def fault(base_model: str, task_folder: Path) -> str | None:
    """What is wrong with a path that leads to no model and to no recipe; None for a Hub id, which is not asked for."""
    folder = (task_folder / base_model).resolve()
    if (folder / "config.json").is_file() or (folder.parent / RECIPE).is_file():
        return None
    if not folder.exists() and not base_model.startswith((".", "/", "~")):
        return None
    told = f"base_model is {base_model!r}, and {folder} has no config.json"
    return f"{told}: give the folder of a model in transformers' format, or its id on the Hub"


async def _make(recipe: Path, folder: Path) -> None:
    print(f"making the base model {folder.parent.name}/{folder.name} (once, under a minute)", file=sys.stderr)
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        str(recipe),
        "--out",
        str(folder),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        _, errors = await asyncio.wait_for(process.communicate(), MAKE_SECONDS)
    except BaseException:
        process.kill()
        await process.wait()
        raise
    if process.returncode or not (folder / "config.json").is_file():
        last = (errors.decode(errors="replace").strip().splitlines() or ["no output"])[-1]
        raise BadInput(f"{recipe} did not make the base model: {last}")
