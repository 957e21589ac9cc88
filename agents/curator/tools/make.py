"""Synthetic rows: the mind writes the script, the executor's sandbox runs it, code checks what comes of it."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path

from pydantic import Field

from agents.curator.all_sources import taken_name
from agents.curator.synthesis import Author, NotGenerated, Wanted, synthesise
from agents.curator.tools import rows
from protocol.data import CurateRequest
from protocol.errors import BadInput
from protocol.generation import FOLDER, MOST_ROWS, NAME, SCRIPT_CHARACTERS, Provenance
from tools.arguments import Arguments
from tools.run_source import SYNTHETIC
from tools.tool import Desk, Tool, ToolFault

SHOWN = 3
MOST_SOURCES = 12
"""Synthetic sources of a run, …"""
MOST_SCRIPTS = 40
"""… and scripts that were run for them: each asks the scorer anew what stands in the held-out splits."""


class GenerateRows(Arguments):
    name: str = Field(pattern=NAME)
    """Of the new source."""
    script: str = Field(min_length=1, max_length=SCRIPT_CHARACTERS)
    """Python. It prints a JSON object a line, or writes them to `rows.jsonl`, with the columns that the task's
    templates name. It is run as `python generate.py --seed SEED ARGS…`: draw by that seed."""
    args: tuple[str, ...] = Field(default=(), max_length=20)
    seed: int = Field(default=0, ge=0)
    most_rows: int = Field(default=5000, ge=1, le=MOST_ROWS)


async def _generate(given: GenerateRows, desk: Desk) -> str:
    request = rows.request(desk)
    before = SYNTHETIC.stored(Path(request.folder))
    if given.name in before and _same(given, before[given.name]):
        return f"{before[given.name].told()}. It stands already"
    _check_room(given.name, request, list(before))
    wanted = Wanted(given.name, given.script, given.args, given.seed, given.most_rows)
    try:
        made = await synthesise(request, wanted, desk.ask, Author(desk.role, desk.model))
    except NotGenerated as error:
        raise ToolFault(f"no rows of {given.name}: {error}") from error
    except BadInput as error:
        raise ToolFault(str(error)) from error
    await desk.say(made)
    reasons = "\n".join(f"- {one.rows} {one.fault}: {one.reason}" for one in made.provenance.dropped)
    if not made.accepted:
        raise ToolFault(f"{given.name} is no source: {made.reason}\n{made.provenance.told()}\n{reasons}")
    examples = (await rows.read(desk, given.name)).examples
    some = rows.told(examples, range(min(SHOWN, len(examples))))
    return f"{made.provenance.told()}\n{reasons}\nfor instance\n{some}\nName {given.name} when you submit, to use it."


def _check_room(name: str, request: CurateRequest, there: Sequence[str]) -> None:
    """Raises `ToolFault` for a name that is taken, and where there is enough."""
    if told := taken_name(request, name):
        raise ToolFault(told)
    known = f"go on from {', '.join(there) or 'the sources of the task'}"
    if len(there) >= MOST_SOURCES:
        raise ToolFault(f"there are {len(there)} synthetic sources, which is enough: {known}")
    if len(list((Path(request.folder) / FOLDER).glob("*.jsonl"))) >= MOST_SCRIPTS:
        raise ToolFault(f"{MOST_SCRIPTS} scripts have been run, which is enough: {known}")


def _same(given: GenerateRows, before: Provenance) -> bool:
    sha256 = hashlib.sha256(given.script.encode(errors="backslashreplace")).hexdigest()
    return (sha256, given.seed, given.args) == (before.script_sha256, before.seed, before.args)


GENERATE_ROWS = Tool(
    "generate_rows",
    "Makes a synthetic source by a script of yours: run in a sandbox without network (60 s, one CPU, 2 GB, 16 MB), "
    "then each row is checked by the task's verifier, deduplicated, and held against all sources, dev and test.",
    GenerateRows,
    _generate,
    seconds=300.0,
    outside=True,
)
