"""What a trial's process does, in its sandbox: looks at the script, and if it finds nothing runs it on a slice.

Started as the script of a job (`trial.py`), in the job's folder. What is found is written to `FLAWS`; a script that
writes there itself only fools the mind that wrote it.
"""

from __future__ import annotations

import json
import runpy
import sys
import traceback
from itertools import islice
from pathlib import Path
from typing import Any

import yaml

from protocol.message import Part
from protocol.preflight import Flaw
from services.executor.preflight.arguments import arguments
from services.executor.preflight.columns import columns
from services.executor.preflight.config_keys import config_keys
from services.executor.preflight.lint import lint
from services.executor.preflight.parse import parse
from services.executor.preflight.script import Script
from services.executor.preflight.shrink import FOLDER, CannotShrink, shrink
from services.executor.preflight.small import first_rows, make_short, make_small

LOOK, FLAWS = "preflight.json", "preflight_flaws.json"
MOST_FLAWS = 30
MOST_CHARACTERS = 2_000


class Look(Part):
    """What is to be looked at."""

    argv: tuple[str, ...]
    files: tuple[str, ...]


class Found(Part):
    """What was found."""

    flaws: tuple[Flaw, ...]
    shrunken: str = ""
    """How the model was made small for it; empty where it was not."""


def main() -> None:
    """Check, and run what passes."""
    look = Look.model_validate_json(Path(LOOK).read_text())
    texts = {name: Path(name).read_text() for name in look.files if name.endswith((".py", ".yaml"))}
    script = parse(look.argv, texts)
    lines = first_rows(script.config) if isinstance(script, Script) else []
    flaws = _checked(script, lines) if isinstance(script, Script) else script
    small, shrunken = dict[str, Any](), ""
    if isinstance(script, Script) and not flaws:
        try:
            small, shrunken = _small(script, lines)
        except CannotShrink as error:
            flaws = [Flaw(stage="smoke", told=str(error)[:MOST_CHARACTERS])]
    Path(FLAWS).write_text(Found(flaws=tuple(flaws), shrunken=shrunken).model_dump_json())
    if flaws or not isinstance(script, Script):
        return
    if small:
        Path(script.config_name).write_text(yaml.safe_dump(small, sort_keys=False))
    _run(look.argv)


def _small(script: Script, lines: list[str]) -> tuple[dict[str, Any], str]:
    """The config for two steps on a slice, and how the model was made small for them, where it was."""
    small = make_small(script.config, lines, Path.cwd())
    model = small.get("model_name_or_path")
    told = shrink(model, Path.cwd() / FOLDER) if isinstance(model, str) else None
    if told is None:
        return small, ""
    return make_short(small) | {"model_name_or_path": str(Path.cwd() / FOLDER)}, told


def _checked(script: Script, lines: list[str]) -> list[Flaw]:
    rows = [json.loads(line) for line in lines]
    checks = (lint(script), arguments(script), config_keys(script), columns(script, rows))
    found = islice((flaw for check in checks for flaw in check), MOST_FLAWS)
    return [flaw.model_copy(update={"told": flaw.told[:MOST_CHARACTERS]}) for flaw in found]


def _run(argv: tuple[str, ...]) -> None:
    """As the job's process runs it; of an error, the traceback from the script on."""
    sys.argv = list(argv)
    try:
        runpy.run_path(argv[0], run_name="__main__")
    except Exception as error:
        place = error.__traceback__
        while place is not None and place.tb_frame.f_code.co_filename != argv[0]:
            place = place.tb_next
        traceback.print_exception(type(error), error, place or error.__traceback__)
        sys.exit(1)
