"""The Engineer's form: a known strategy, whose numbers the search sets, or a script of its own, tried before queued."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from agents import digest
from agents.engineer import own_script
from agents.engineer.plan import View
from agents.engineer.playbook import propose
from agents.engineer.strategies import PLANS
from agents.engineer.tools import SHOW_SCRIPT, SIGNATURE
from agents.form import BadForm, Form
from agents.role import Ask
from protocol.errors import WrongAnswer
from protocol.experiment import AbortCriterion, Experiment, Proposal, Proposals, ProposeRequest, Strategy, Value
from protocol.job import JobSpec
from protocol.message import Part
from protocol.preflight import Preflight, PreflightRequest
from tools.code import CODE

MIN_SECONDS = 8.0
FLAWS = 12
"""Told at a time."""


class OwnScript(Part):
    """A training script of one's own."""

    text: str
    """Python, run as `python train.py --config config.yaml`."""
    numbers: dict[str, Value] = {}
    """What the experiment varies; added to `config.yaml`. Not the weights, the rows or the output: these are set."""
    seconds: Annotated[float, Field(ge=MIN_SECONDS)]
    """Device time, loading and saving included."""
    parent: str | None = None
    """The experiment whose weights it starts from; None for the base model."""


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
            digest.digest(request.digest),
            f"# The user says\n{told}" if told else "",
            f"# Directive\n{directive.kind} {directive.strategy or ''}: {directive.reason}",
            f"Compute: {request.task.compute.model_dump_json(exclude_defaults=True)}. What shall we try next?",
        ]
    )


async def complete(request: ProposeRequest, filled: EngineerForm, ask: Ask) -> Proposals:
    """The proposals. Raises `BadForm` for a closed strategy, and for a script that fails its checks."""
    closed = request.digest.strategies_closed
    if filled.strategy in closed:
        raise BadForm(f"{filled.strategy} is closed ({closed[filled.strategy]}): take another")
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
    view = View(request)
    fixed = [name for name in own_script.FIXED if name in script.numbers]
    if fixed:
        raise BadForm(f"leave {', '.join(fixed)} out of `numbers`: the crew sets it")
    if script.seconds > request.digest.seconds_left:
        raise BadForm(f"it takes {script.seconds:.0f} s and {request.digest.seconds_left:.0f} s are left")
    if script.parent is not None and script.parent not in view.by_id:
        raise BadForm(f"there is no experiment {script.parent!r}, only {', '.join(view.by_id) or 'none yet'}")
    experiment = Experiment(
        id=f"{filled.strategy.replace('_', '-')}-{view.number(filled.strategy)}",
        strategy=filled.strategy,
        hypothesis=filled.hypothesis,
        recipe=script.numbers,
        parent=script.parent,
        seed=request.seed,
        decoding=request.decoding,
        abort=PLANS[filled.strategy].abort if filled.strategy in PLANS else AbortCriterion(),
        seconds=script.seconds,
    )
    job = own_script.job(view, experiment, script.text, script.numbers)
    trial = job
    if script.parent is not None and view.by_id[script.parent].model is None:  # it still trains
        trial = own_script.on_base_weights(view, experiment, script.text, script.numbers)
    proposal = Proposal(experiment=experiment, job=job)
    await _check(request, experiment.id, trial, ask)
    return Proposals(proposals=(proposal,), reason=filled.hypothesis)


async def _check(request: ProposeRequest, experiment: str, trial: JobSpec, ask: Ask) -> None:
    """Have it tried on the executor. Raises `BadForm` with what was found."""
    question = PreflightRequest(experiment=experiment, spec=trial, folder=request.folder)
    answer = await ask("preflight", question)
    if not isinstance(answer, Preflight):
        raise WrongAnswer("preflight", "preflight", answer.type)
    if answer.flaws:
        told = "\n".join(f"- {flaw.stage}: {flaw.told}" for flaw in answer.flaws[:FLAWS])
        raise BadForm(f"the script is not fit to be queued:\n{told}")


TOOLS = (SHOW_SCRIPT, SIGNATURE, *CODE)
FORM = Form(EngineerForm, tell, complete, tuple(tool.name for tool in TOOLS))
