"""An experiment with a script of the Engineer's own, and its trial on the executor. Asked for by the form, which queues
nothing that has not passed, and by the tool that tries a script while it is being written.

Both ask the same question about the same script; the answer to the second comes from the journal at once.
"""

from __future__ import annotations

from dataclasses import dataclass

from agents.engineer import own_script
from agents.engineer.plan import View
from agents.engineer.strategies import PLANS
from agents.form import BadForm
from agents.role import Ask
from protocol.errors import WrongAnswer
from protocol.experiment import AbortCriterion, Experiment, Proposal, ProposeRequest, Strategy, Value
from protocol.preflight import Preflight, PreflightRequest
from tools.tool import untrusted

FLAWS = 12
"""Told at a time."""


@dataclass(frozen=True)
class Own:
    """What the Engineer says of an experiment with its own script."""

    strategy: Strategy
    text: str
    numbers: dict[str, Value]
    seconds: float
    parent: str | None
    hypothesis: str = ""


def must_be_open(request: ProposeRequest, strategy: Strategy) -> None:
    """Raises `BadForm` for a strategy that is closed."""
    closed = request.digest.strategies_closed
    if strategy in closed:
        raise BadForm(f"{strategy} is closed ({closed[strategy]}): take another")


def proposal(request: ProposeRequest, own: Own) -> Proposal:
    """The experiment and its job, unchecked. Raises `BadForm` for what cannot be one."""
    view = View(request)
    must_be_open(request, own.strategy)
    fixed = [name for name in own_script.FIXED if name in own.numbers]
    if fixed:
        raise BadForm(f"leave {', '.join(fixed)} out of `numbers`: the crew sets it")
    if own.seconds > request.digest.seconds_left:
        raise BadForm(f"it takes {own.seconds:.0f} s and {request.digest.seconds_left:.0f} s are left")
    if own.parent is not None and own.parent not in view.by_id:
        raise BadForm(f"there is no experiment {own.parent!r}, only {', '.join(view.by_id) or 'none yet'}")
    experiment = Experiment(
        id=f"{own.strategy.replace('_', '-')}-{view.number(own.strategy)}",
        strategy=own.strategy,
        hypothesis=own.hypothesis,
        recipe=own.numbers,
        parent=own.parent,
        seed=request.seed,
        decoding=request.decoding,
        abort=PLANS[own.strategy].abort if own.strategy in PLANS else AbortCriterion(),
        seconds=own.seconds,
    )
    return Proposal(experiment=experiment, job=own_script.job(view, experiment, own.text, own.numbers))


async def tried(request: ProposeRequest, made: Proposal, ask: Ask) -> Preflight:
    """What the executor finds in it. Raises `WrongAnswer` where it answers something else."""
    view, experiment, job = View(request), made.experiment, made.job
    assert job is not None
    if experiment.parent is not None and view.by_id[experiment.parent].model is None:  # it still trains
        job = own_script.on_base_weights(view, experiment, job.files[own_script.SCRIPT], experiment.recipe)
    question = PreflightRequest(experiment=experiment.id, spec=job, folder=request.folder)
    answer = await ask("preflight", question)
    if not isinstance(answer, Preflight):
        raise WrongAnswer("preflight", "preflight", answer.type)
    return answer


def flaws(found: Preflight) -> str:
    """A line each. What a script prints as it fails may be a row, which is a stranger's."""
    return untrusted("\n".join(f"- {flaw.stage}: {flaw.told}" for flaw in found.flaws[:FLAWS]), "the trial")
