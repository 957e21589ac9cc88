"""What the crew would do: the floor's ways of decoding, and each strategy's ladder, by the crew's own code.

The ladders are climbed as if every step gained, each with all the time of the run for itself. What really happens
depends on the scores.
"""

from __future__ import annotations

from itertools import groupby
from pathlib import Path

from agents.engineer import ladder
from agents.engineer.plan import StrategyPlan, View
from agents.engineer.strategies import PLANS
from graph import clock
from graph.nodes.floor import EXTRA_TOKENS, ways
from protocol.benchmark import kind_of
from protocol.brief import Task
from protocol.data import Mixture
from protocol.experiment import AbortCriterion, Digest, Directive, Entry, Experiment, ProposeRequest
from protocol.score import Decoding, Score
from services.dry_run import findings
from services.dry_run.findings import Rung, SourceFound

CHARACTERS_PER_TOKEN = 3
"""Estimate on the safe side; byte-pair vocabularies give 3 to 5."""
PROMPT_TOKENS, ANSWER_TOKENS = 512, 256
"""Assumption where no row can be looked at."""
MOST_STEPS = 200
ASSUMED = Score(value=0.5, low=0.4, high=0.6, n=100)
"""Of the base: right sometimes, so that no strategy is ruled out by it."""


def view(task: Task, folder: Path, sources: tuple[SourceFound, ...]) -> View:
    """What the Engineer would see when it is asked for the first time."""
    training = [one for one in sources if one.name.startswith("data ")]
    rows = sum(one.usable if one.usable is not None else one.rows or 0 for one in training)
    read = [one for one in sources if one.usable]
    prompt = max((_tokens(one.prompt_characters) for one in read), default=PROMPT_TOKENS)
    answer = max((_tokens(one.answer_characters) for one in read), default=ANSWER_TOKENS)
    mixture = Mixture(
        name="mixture",
        path="data/mixture.jsonl",
        sha256="",
        rows=rows or 1,  # what cannot be counted is not nothing
        weights={},
        prompt_tokens_max=prompt,
        answer_tokens_max=answer,
    )
    request = ProposeRequest(
        task=task,
        folder="",
        task_folder=str(folder),
        base_model=task.base_model,
        mixture=mixture,
        decoding=decoding(task, answer),
        digest=Digest(incumbent_score=ASSUMED, seconds_left=training_seconds(task)),
        directive=Directive(),
    )
    return View(request)


def decoding(task: Task, answer_tokens: int) -> Decoding:
    """How candidates are decoded, as `graph.nodes.floor` has it."""
    if kind_of(task.metric):
        return Decoding(benchmark=task.metric, stop=())
    return Decoding(max_new_tokens=answer_tokens + EXTRA_TOKENS)


def training_seconds(task: Task) -> float:
    """What the clock leaves before anything was scored."""
    return max(0.0, task.budget.time - clock.REPORT_SECONDS - clock.MODEL_LOAD_SECONDS)


def plan(seen: View) -> findings.Plan:
    """The floor, and the strategies in the order in which the Engineer turns to them."""
    plain = seen.request.decoding
    floor = tuple(f"{plain.benchmark} as it says" if way.benchmark else way.label() for way in ways(plain))
    strategies = tuple(_strategy(seen, one) for one in PLANS.values())
    return findings.Plan(floor=floor, training_seconds=seen.request.digest.seconds_left, strategies=strategies)


def climbed(seen: View, strategy: StrategyPlan) -> list[ladder.Step]:
    """The steps of a ladder, each as if it had gained."""
    steps: list[ladder.Step] = []
    left, entries = seen.request.digest.seconds_left, list[Entry]()
    while len(steps) < MOST_STEPS:
        step = ladder.next_step(_after(seen, entries, left), strategy, left)
        if step is None:
            break
        steps.append(step)
        entries.append(_gained(strategy.name, step, len(entries) + 1))
        left -= step.seconds
    return steps


def _strategy(seen: View, one: StrategyPlan) -> findings.StrategyPlan:
    unfit = one.unfit(seen)
    return findings.StrategyPlan(
        name=one.name,
        needs=one.needs,
        unfit=unfit,
        gives_up=_criterion(one.abort),
        ladder=() if unfit or not one.bottom_share else _rungs(climbed(seen, one)),
    )


def _criterion(abort: AbortCriterion) -> str:
    gain = f"{abort.patience} experiments in a row without a gain of {abort.min_gain:g}"
    return f"after {gain}, or {abort.max_failures} failures in a row"


def _rungs(steps: list[ladder.Step]) -> tuple[Rung, ...]:
    """Steps of a kind side by side, the repetition of the first rung among the new ones."""
    by_kind = groupby(sorted(steps, key=lambda step: step.rung), key=lambda step: (step.rung, step.kind, step.seconds))
    return tuple(
        Rung(rung=rung, kind=kind, jobs=sum(1 for _ in group), seconds=seconds)
        for (rung, kind, seconds), group in by_kind
    )


def _gained(strategy: str, step: ladder.Step, number: int) -> Entry:
    value = min(1.0, ASSUMED.value + number / MOST_STEPS / 2)
    experiment = Experiment(
        id=f"{strategy.replace('_', '-')}-{number}",
        strategy=strategy,  # type: ignore[arg-type]
        hypothesis="",
        recipe={},
        rung=step.rung,
        parent=step.of.experiment.id if step.kind == "promote" and step.of else None,
        repeats=step.of.experiment.id if step.kind == "repeat" and step.of else None,
        seconds=step.seconds,
    )
    score = ASSUMED.model_copy(update={"value": value})
    return Entry(experiment=experiment, status="scored", score=score, seconds=step.seconds)


def _after(seen: View, entries: list[Entry], left: float) -> View:
    digest = seen.request.digest.model_copy(update={"entries": tuple(entries), "seconds_left": left})
    return View(seen.request.model_copy(update={"digest": digest}))


def _tokens(characters: int) -> int:
    return -(-characters // CHARACTERS_PER_TOKEN)
