"""The Engineer without a language model: which strategy, which step of its ladder, which numbers, which script."""

from __future__ import annotations

import math
import re

from agents.engineer import ladder, search
from agents.engineer.plan import Recipe, StrategyPlan, View
from agents.engineer.strategies import PLANS
from agents.role import Ask
from protocol.experiment import Entry, Experiment, Proposal, Proposals, ProposeRequest
from protocol.score import Decoding

NEGATION = re.compile(r"\b(no|not|never|without|stop|avoid|don.?t)\b")
PROMOTED = 100
"""Added to the seed of what goes on from it, so that it meets the rows in another order."""


async def propose(request: ProposeRequest, ask: Ask) -> Proposals:
    """Up to `slots` experiments under the directive. Deterministic: the same request gives the same answer."""
    view = View(request)
    proposals: list[Proposal] = []
    reasons: list[str] = []
    left = request.digest.seconds_left
    for plan in candidates(view, reasons):
        while len(proposals) < request.slots and (proposal := _next(view, plan, left)) is not None:
            proposals.append(proposal)
            left -= proposal.experiment.seconds
            view = _with(view, proposal, left)
        if proposals:
            reasons = [f"{plan.name} needs {plan.needs}"]
            break  # one strategy an answer: what comes next depends on how it fares
        reasons.append(f"{plan.name} has no step that fits {left:.0f} s")
    return Proposals(proposals=tuple(proposals), reason="; ".join(reasons), exhausted=not proposals)


def candidates(view: View, reasons: list[str]) -> list[StrategyPlan]:
    """The strategies that are open and fit, the directive's first; why the others are not goes into `reasons`."""
    wanted = _told(view.request.tells) or view.request.directive.strategy
    order = [wanted, *PLANS] if wanted in PLANS else [*PLANS]
    found: list[StrategyPlan] = []
    for name in dict.fromkeys(name for name in order if name is not None):
        if name in view.request.digest.strategies_closed:
            reasons.append(f"{name} is closed")
        elif (unfit := PLANS[name].unfit(view)) is not None:
            reasons.append(f"{name}: {unfit}")
        else:
            found.append(PLANS[name])
    return found


def _told(tells: tuple[str, ...]) -> str | None:
    """The strategy that the user named last; all that a playbook can make of plain words."""
    for text in reversed(tells):
        words = text.lower().replace("-", "_").replace("rejection sampling", "rejection_sampling")
        if NEGATION.search(words):
            continue  # what not to do is more than a playbook can weigh
        for name in PLANS:
            if re.search(rf"\b{name}\b", words):
                return name
    return None


def _next(view: View, plan: StrategyPlan, left: float) -> Proposal | None:
    if plan.name == "decoding":
        return _decode(view, plan)
    step = ladder.next_step(view, plan, left)
    if step is None:
        return None
    recipe, seed = _numbers(view, plan, step)
    parent = _parent(view, plan, step)
    experiment = Experiment(
        id=f"{plan.name.replace('_', '-')}-{view.number(plan.name)}",
        strategy=plan.name,  # type: ignore[arg-type]
        hypothesis=_hypothesis(plan, step, recipe, parent),
        recipe=recipe,
        rung=step.rung,
        parent=parent,
        repeats=step.of.experiment.id if step.kind == "repeat" and step.of else None,
        seed=seed,
        decoding=view.request.decoding,
        abort=plan.abort,
        seconds=math.floor(step.seconds * 10) / 10,
    )
    return Proposal(experiment=experiment, job=plan.job(view, experiment))


def _numbers(view: View, plan: StrategyPlan, step: ladder.Step) -> tuple[Recipe, int]:
    """Recipe and seed: as before for a repetition or a promotion, from the search for something new."""
    if step.of is not None:
        seed = step.of.experiment.seed + (1 if step.kind == "repeat" else PROMOTED)
        return dict(step.of.experiment.recipe), seed
    past = [entry for entry in view.of(plan.name) if entry.experiment.repeats is None]
    first = plan.first(view)
    return search.suggest(plan.space(view), first, past, f"{view.request.task.name}:{plan.name}"), view.request.seed


def _parent(view: View, plan: StrategyPlan, step: ladder.Step) -> str | None:
    if step.kind == "promote" and step.of is not None:
        return step.of.experiment.id
    if step.kind == "repeat" and step.of is not None:
        return step.of.experiment.parent
    return view.incumbent.experiment.id if plan.starts_from_incumbent and view.incumbent else None


def _decode(view: View, plan: StrategyPlan) -> Proposal | None:
    """The next way of decoding that the incumbent has not been tried with."""
    incumbent = view.incumbent
    if incumbent is None:
        return None
    id = incumbent.experiment.id
    tried = [entry for entry in view.of("decoding") if entry.experiment.parent == id]
    shots = [value for value in (2, 4) if value not in {entry.experiment.decoding.shots for entry in tried}]
    if not shots:
        return None
    decoding: Decoding = view.request.decoding.model_copy(update={"shots": shots[0]})
    experiment = Experiment(
        id=f"decoding-{view.number('decoding')}",
        strategy="decoding",
        hypothesis=f"{id} answers better after {shots[0]} worked examples",
        recipe={"shots": shots[0]},
        parent=id,
        decoding=decoding,
        abort=plan.abort,
        seconds=max(1.0, view.request.digest.score_seconds),
    )
    return Proposal(experiment=experiment)


def _hypothesis(plan: StrategyPlan, step: ladder.Step, recipe: Recipe, parent: str | None) -> str:
    if step.kind == "promote" and step.of is not None:
        return f"{step.of.experiment.id} gains from {step.seconds:.0f} s more"
    if step.kind == "repeat" and step.of is not None:
        return f"{step.of.experiment.id} again under another seed, for the noise floor"
    told = ", ".join(
        f"{name}={value:.2g}" if isinstance(value, float) else f"{name}={value}" for name, value in recipe.items()
    )
    return f"{plan.name} from {parent or 'the base'} with {told}"


def _with(view: View, proposal: Proposal, left: float) -> View:
    """The view after a proposal, for the next one in the same answer."""
    digest = view.request.digest
    entries = (*digest.entries, Entry(experiment=proposal.experiment))
    digest = digest.model_copy(update={"entries": entries, "seconds_left": left})
    return View(view.request.model_copy(update={"digest": digest}))
