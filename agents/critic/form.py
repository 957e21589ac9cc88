"""The Critic's form: a verdict and a directive. What must hold is checked here, whatever the model says."""

from __future__ import annotations

from typing import Literal

from agents import digest
from agents.critic.judge import judge
from agents.form import BadForm, Form
from agents.role import Ask
from protocol.critique import Critique, CritiqueRequest
from protocol.experiment import Directive, DirectiveKind, Strategy
from protocol.message import Part
from protocol.score import UnpairedTest
from tools.tool import untrusted


class CritiqueForm(Part):
    """Is it real, and what now?"""

    verdict: Literal["promote", "hold", "reject"]
    reason: str
    """Why, with the figures that decide."""
    next: DirectiveKind
    strategy: Strategy | None = None
    """The strategy to go on with or to turn to; one that is open."""
    next_reason: str


def tell(request: CritiqueRequest) -> str:
    """The experiment, how it compares, and the state of the run."""
    scored = request.scored
    test = scored.compared(request.digest.incumbent or "") if scored else None
    kind = "Unpaired" if isinstance(test, UnpairedTest) else "Paired"
    answers = "\n".join(
        f"- {prompt!r} → {got!r}, expected {want!r}" for prompt, want, got in (scored.answers if scored else ())
    )
    lines = [
        digest.digest(request.digest),
        f"Open strategies: {', '.join(request.open_strategies) or 'none'}. Target: {request.target or 'none'}.",
        "# The experiment",
        f"Hypothesis: {request.entry.experiment.hypothesis}",
        digest.one(request.entry),
        f"Score: {scored.score if scored else 'it left no model'}",
        f"{kind} test: {test.model_dump_json() if test else 'none'}",
        f"Some of its answers on dev:\n{untrusted(answers, 'dev items and the model')}" if answers else "",
        "Is it real, and what now?",
    ]
    return "\n".join(line for line in lines if line)


async def complete(request: CritiqueRequest, filled: CritiqueForm, ask: Ask) -> Critique:
    """The critique. Raises `BadForm` for what the crew's rules do not allow."""
    by_rule, why = judge(request)
    if filled.verdict == "promote" and by_rule != "promote":
        raise BadForm(f"promote is not possible: {why}")
    _check_direction(request, filled)
    return Critique(
        experiment=request.entry.experiment.id,
        verdict=filled.verdict,
        reason=filled.reason,
        directive=Directive(kind=filled.next, strategy=filled.strategy, reason=filled.next_reason),
    )


def _check_direction(request: CritiqueRequest, filled: CritiqueForm) -> None:
    """A spent strategy must be left, and a run is not ended while there is something to try."""
    opened = request.open_strategies
    mine = request.entry.experiment.strategy
    score = request.digest.incumbent_score
    met = request.target is not None and score is not None and score.low >= request.target
    if filled.next == "stop" and opened and not met:
        raise BadForm(f"the budget is not spent, the target is not met and {', '.join(opened)} are open: do not stop")
    if filled.next in ("stop", "more_data"):
        return
    if filled.strategy is not None and filled.strategy not in opened:
        raise BadForm(f"{filled.strategy} is closed: choose one of {', '.join(opened)}")
    if mine not in opened and filled.next != "change_strategy":
        raise BadForm(
            f"{mine} has met its abort criterion: `next` must be change_strategy, to one of {', '.join(opened)}"
        )
    if filled.next == "change_strategy" and filled.strategy in (None, mine):
        raise BadForm(f"change_strategy needs another strategy: one of {', '.join(opened)}")


FORM = Form(CritiqueForm, tell, complete)
