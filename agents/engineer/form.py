"""The Engineer's form: a known strategy, whose numbers the search sets, or a script of its own, tried before queued."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Self

from pydantic import Field, model_validator

from agents import digest
from agents.engineer.own_experiment import Own, flaws, must_be_open, proposal, tried
from agents.engineer.plan import View
from agents.engineer.playbook import propose
from agents.engineer.script_tools import BENCH, MIN_SECONDS
from agents.engineer.strategies import PLANS
from agents.engineer.tools import LIBRARY_SOURCE, SHOW_SCRIPT, SIGNATURE
from agents.engineer.workspace import Workspace
from agents.form import BadForm, Form, Unfit
from agents.role import Ask
from protocol.experiment import Proposals, ProposeRequest, Strategy, Value
from protocol.message import Part
from tools.code import CODE
from tools.hub import HUB_BUILDING
from tools.sizing.tool import SIZE_TRAINING
from tools.tool import ToolFault


class OwnScript(Part):
    """A training script of one's own."""

    file: str | None = None
    """Its name in the workspace, …"""
    text: str | None = None
    """… or all of it. Python, run as `python train.py --config config.yaml`."""
    numbers: dict[str, Value] = {}
    """What the experiment varies; added to `config.yaml`. Not the weights, the rows or the output: these are set."""
    seconds: Annotated[float, Field(ge=MIN_SECONDS)]
    """Device time, loading and saving included."""
    parent: str | None = None
    """The experiment whose weights it starts from; None for the base model."""

    @model_validator(mode="after")
    def _one_of_both(self) -> Self:
        if (self.file is None) == (self.text is None):
            raise ValueError("name the script's `file` in the workspace, or give its `text`")
        return self


class EngineerForm(Part):
    """What shall we try next?"""

    strategy: Strategy
    """Under which the experiment counts; with a script, the one that it is nearest to."""
    hypothesis: str
    script: OwnScript | None = None
    """None: the crew's own script of this strategy, with numbers from the search."""


def tell(request: ProposeRequest) -> str:
    """The brief, what was found, the state of the run, the directive."""
    mixture, directive = request.mixture, request.directive
    found = "\n".join(f"- {one.name} [{one.strategy}]: {one.summary}" for one in request.techniques[:12])
    told = "\n".join(f"- {text}" for text in request.tells)
    return "\n".join(
        [
            digest.brief(request.task),
            f"The base model: {request.model.model_dump_json()}.",
            f"# What is known\n{found}",
            f"# Data\n{mixture.rows} rows at {mixture.path} (prompt, completion, answer, row); prompts up to "
            f"{mixture.prompt_tokens_max} tokens, answers up to {mixture.answer_tokens_max}.",
            *(f"The same as {one.format}: {one.rows} rows at {one.path}." for one in mixture.converted),
            digest.digest(request.digest),
            f"# The user says\n{told}" if told else "",
            f"# Directive\n{directive.kind} {directive.strategy or ''}: {directive.reason}",
            f"Compute: {request.task.compute.model_dump_json(exclude_defaults=True)}. What shall we try next?",
        ]
    )


async def complete(request: ProposeRequest, filled: EngineerForm, ask: Ask) -> Proposals:
    """The proposals. Raises `BadForm` for a closed strategy, and for a script that fails its checks."""
    must_be_open(request, filled.strategy)
    if filled.script is None:
        return await _by_search(request, filled, ask)
    return await _by_script(request, filled, filled.script, ask)


async def _by_search(request: ProposeRequest, filled: EngineerForm, ask: Ask) -> Proposals:
    """The known strategy's next step, numbers from the search; the hypothesis is the Engineer's."""
    if filled.strategy not in PLANS:
        raise BadForm(f"the crew has no script for {filled.strategy}: write one, or take one of {', '.join(PLANS)}")
    unfit = PLANS[filled.strategy].unfit(View(request))
    if unfit is not None:
        raise BadForm(f"{filled.strategy} does not fit: {unfit}")
    wanted = request.directive.model_copy(update={"strategy": filled.strategy})
    answer = await propose(request.model_copy(update={"directive": wanted, "tells": ()}), ask)
    return answer.model_copy(update={"reason": filled.hypothesis})


async def _by_script(request: ProposeRequest, filled: EngineerForm, script: OwnScript, ask: Ask) -> Proposals:
    """Raises `BadForm` for what cannot be an experiment, `Unfit` with what its trial has found."""
    text = _text(script, Path(request.folder))
    made = proposal(
        request, Own(filled.strategy, text, script.numbers, script.seconds, script.parent, filled.hypothesis)
    )
    found = await tried(request, made, ask)
    if found.flaws:
        raise Unfit(f"the script is not fit to be queued:\n{flaws(found)}")
    return Proposals(proposals=(made,), reason=filled.hypothesis)


def _text(script: OwnScript, folder: Path) -> str:
    """What is tried is what is queued: it is read once."""
    if script.text is not None:
        return script.text
    try:
        return Workspace(folder).read(script.file or "")
    except ToolFault as error:
        raise BadForm(str(error)) from error


TOOLS = (SHOW_SCRIPT, *BENCH, SIGNATURE, LIBRARY_SOURCE, *CODE, *HUB_BUILDING, SIZE_TRAINING)
FORM = Form(EngineerForm, tell, complete, tuple(tool.name for tool in TOOLS))
