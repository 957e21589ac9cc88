"""The Engineer without a language model: which strategy, which step of its ladder, which numbers, which script."""

from __future__ import annotations

from agents.engineer import ladder, search
from agents.engineer.plan import Recipe, StrategyPlan, View
from agents.engineer.strategies import PLANS
from agents.role import Ask
from protocol.experiment import Entry, Experiment, Proposal, Proposals, ProposeRequest
from protocol.score import Decoding


async def propose(request: ProposeRequest, ask: Ask) -> Proposals:
    """Up to `slots` experiments under the directive. Deterministic: the same request gives the same answer."""
    view = View(request)
    plan, why = choose(view)
    if plan is None:
        return Proposals(proposals=(), reason=why, exhausted=True)
    proposals: list[Proposal] = []
    left = request.digest.seconds_left
    for _ in range(request.slots):
        proposal = _next(view, plan, left)
        if proposal is None:
            break
        proposals.append(proposal)
        left -= proposal.experiment.seconds
        view = _with(view, proposal, left)
    return Proposals(proposals=tuple(proposals), reason=why, exhausted=not proposals)


def choose(view: View) -> tuple[StrategyPlan | None, str]:
    """The strategy to go on with, and why; None when every one is closed or unfit."""
    reasons: list[str] = []
    wanted = view.request.directive.strategy
    order = [wanted, *PLANS] if wanted in PLANS else [*PLANS]
    for name in dict.fromkeys(order):
        if name is None:
            continue
        if name in view.request.digest.strategies_closed:
            reasons.append(f"{name} is closed")
            continue
        unfit = PLANS[name].unfit(view)
        if unfit is None:
            return PLANS[name], f"{name} needs {PLANS[name].needs}"
        reasons.append(f"{name}: {unfit}")
    return None, "; ".join(reasons)


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
        seconds=round(step.seconds, 1),
    )
    return Proposal(experiment=experiment, job=plan.job(view, experiment))


def _numbers(view: View, plan: StrategyPlan, step: ladder.Step) -> tuple[Recipe, int]:
    """Recipe and seed: as before for a repetition or a promotion, from the search for something new."""
    if step.of is not None:
        seed = step.of.experiment.seed + (1 if step.kind == "repeat" else 0)
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
