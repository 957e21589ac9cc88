"""The Engineer's bench: scripts are written, changed and tried in the run's workspace until one is worth a job."""

from __future__ import annotations

from importlib.resources import files
from typing import Annotated

from pydantic import Field

from agents.engineer.own_experiment import Own, flaws, proposal, tried
from agents.engineer.own_script import SCRIPT
from agents.engineer.tools import SCRIPTS
from agents.engineer.workspace import Workspace
from agents.form import BadForm
from protocol.experiment import ProposeRequest, Strategy, Value
from tools.arguments import Arguments
from tools.tool import Desk, Tool, ToolFault

MIN_SECONDS = 8.0
LINES = 200
"""Of a script, shown at a time."""
AROUND = 3
"""Lines shown before and after a change."""
TRY_SECONDS = 400.0
"""For a trial, which has 120 s on the executor, and for those before it."""


class WriteScript(Arguments):
    name: str
    """Such as `curriculum.py`. A script of this name is replaced."""
    text: str | None = None
    """The whole script."""
    begin_from: str | None = None
    """Instead of `text`: one of the crew's own (sft.py, grpo.py …) or another script of the workspace, to be copied."""


class EditScript(Arguments):
    name: str
    old: str
    """Text that stands in the script exactly once, letter for letter, with its indentation."""
    new: str
    """What stands there instead."""


class ReadScript(Arguments):
    name: str
    first_line: Annotated[int, Field(ge=1)] = 1


class ListScripts(Arguments):
    pass


class TryScript(Arguments):
    name: str
    """A script of the workspace."""
    strategy: Strategy
    """As you will submit it."""
    numbers: dict[str, Value] = {}
    """As you will submit them."""
    seconds: Annotated[float, Field(ge=MIN_SECONDS)] = 60.0
    """As you will submit them. The trial itself takes two steps."""
    parent: str | None = None
    """The experiment whose weights it starts from; None for the base model."""


async def _write(given: WriteScript, desk: Desk) -> str:
    workspace = Workspace(desk.folder)
    if (given.text is None) == (given.begin_from is None):
        raise ToolFault("give either `text` or `begin_from`")
    text = given.text if given.begin_from is None else _copied(given.begin_from, workspace)
    assert text is not None
    workspace.write(given.name, text)
    return f"{given.name}: {len(text.splitlines())} lines"


def _copied(name: str, workspace: Workspace) -> str:
    if name in SCRIPTS and name not in workspace.names():
        return (files("agents.engineer") / "scripts" / name).read_text()
    return workspace.read(name)


async def _edit(given: EditScript, desk: Desk) -> str:
    workspace = Workspace(desk.folder)
    line = workspace.edit(given.name, given.old, given.new)
    last = line + given.new.count("\n")
    return _numbered(workspace.read(given.name), max(1, line - AROUND), min(last + AROUND, line + LINES))


async def _read(given: ReadScript, desk: Desk) -> str:
    text = Workspace(desk.folder).read(given.name)
    count = len(text.splitlines())
    if given.first_line > max(1, count):
        raise ToolFault(f"{given.name} has {count} lines")
    last = min(count, given.first_line + LINES - 1)
    more = f"; go on with first_line={last + 1}" if last < count else ""
    head = f"{given.name}, lines {given.first_line} to {last} of {count}{more}"
    return f"{head}\n{_numbered(text, given.first_line, last)}"


async def _list(given: ListScripts, desk: Desk) -> str:
    workspace = Workspace(desk.folder)
    told = [f"{name}: {len(workspace.read(name).splitlines())} lines" for name in workspace.names()]
    return "\n".join(told) or "the workspace is empty"


async def _try(given: TryScript, desk: Desk) -> str:
    request = desk.request
    if not isinstance(request, ProposeRequest):
        raise ToolFault("a script is tried only where an experiment is asked for")
    text = Workspace(desk.folder).read(given.name)
    try:
        made = proposal(request, Own(given.strategy, text, given.numbers, given.seconds, given.parent))
    except BadForm as error:
        raise ToolFault(str(error)) from error
    found = await tried(request, made, desk.ask)
    shrunken = f"\n{found.shrunken}" if found.shrunken else ""
    if found.flaws:
        return f"not fit to be queued (it is {SCRIPT} there):\n{flaws(found)}{shrunken}"
    return f"fit to be queued: {found.steps} steps on a slice, {found.seconds:.0f} s in all{shrunken}"


def _numbered(text: str, first: int, last: int) -> str:
    return "\n".join(f"{number}: {line}" for number, line in enumerate(text.splitlines(), 1) if first <= number <= last)


TRY_SCRIPT = Tool(
    "try_script",
    "Try a script of the workspace as its job would be tried before it is queued: parsed, linted, keywords and columns "
    "compared, two steps on a slice on a CPU. Says what is wrong, and where.",
    TryScript,
    _try,
    seconds=TRY_SECONDS,
)
BENCH = (
    Tool("write_script", "Put a script into the workspace, whole, or a copy to begin from.", WriteScript, _write),
    Tool("edit_script", "Replace a text that stands exactly once in a script of the workspace.", EditScript, _edit),
    Tool("read_script", "A script of the workspace by lines, with their numbers.", ReadScript, _read),
    Tool("list_scripts", "The scripts in the workspace.", ListScripts, _list),
    TRY_SCRIPT,
)
