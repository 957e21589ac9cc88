"""The state of a run in words, for a language model: of bounded size, however long the run. Used by the forms."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import groupby

from protocol.brief import Task
from protocol.experiment import Digest, Directive, Entry
from tools.tool import untrusted

BEST, LAST = 5, 5
"""Experiments told in full."""
EVIDENCE = 200
NUMBERS, NUMBER = 8, 40
"""Of a recipe: so many, of so many characters each."""


def brief(task: Task) -> str:
    """What the run is for."""
    goal = f"target {task.target:g}" if task.target else "as good as it gets"
    return (
        f"# Task\n{task.goal}\n"
        f"Base model: {task.base_model}. Metric: {task.metric} ({goal}).\n"
        f"Prompt template: {task.prompt!r}. Answer template: {task.answer!r}."
    )


def digest(told: Digest) -> str:
    """Floor and incumbent, the best and the last experiments, each strategy in a line, what is left."""
    entries = told.entries
    scored = sorted((entry for entry in entries if entry.score), key=lambda entry: -_value(entry))
    lines = [
        "# So far",
        f"Floor: {told.floor or 'not banked yet'}. Ships now: {told.incumbent or 'the base'}, {told.incumbent_score}.",
        f"Noise between seeds: {_noise(told)}.",
        *_section("Best", scored[:BEST]),
        *_section("Last", entries[-LAST:]),
        *_strategies(entries),
        *_section_of_advice(told),
        *(f"Closed: {name} ({why})" for name, why in told.strategies_closed.items()),
        f"Left for training: {told.seconds_left:.0f} s of device time; scoring one candidate takes "
        f"{told.score_seconds:.0f} s.",
    ]
    return "\n".join(lines)


def _noise(told: Digest) -> str:
    return "not measured yet" if told.noise_floor is None else f"standard deviation {told.noise_floor:.4f}"


def _section(title: str, entries: Sequence[Entry]) -> Iterable[str]:
    if entries:
        yield f"{title}:"
        yield from (f"- {one(entry)}" for entry in entries)


def one(entry: Entry) -> str:
    """An experiment in a line."""
    experiment = entry.experiment
    numbers = list(experiment.recipe.items())[:NUMBERS]
    recipe = ", ".join(f"{name[:NUMBER]}={str(value)[:NUMBER]}" for name, value in numbers)
    start = f" from {experiment.parent}" if experiment.parent else ""
    score = f", dev {entry.score}" if entry.score else ""
    loss = f", loss {entry.loss:.3g}" if entry.loss is not None else ""
    why = f" ({_reason(entry)})" if entry.reason else ""
    verdict = f", {entry.verdict}" if entry.verdict else ""
    return (
        f"{experiment.id} [{experiment.strategy}, rung {experiment.rung}{start}; {recipe}]: {entry.status}{score}"
        f"{loss}, {entry.steps} steps in {entry.seconds:.0f} s{verdict}{why}"
    )


def _section_of_advice(told: Digest) -> Iterable[str]:
    if told.advice:
        yield "Other roles say (weigh it, it binds nobody):"
        yield from (f"- {advised.role}: {advised.text}{_suggested(advised.directive)}" for advised in told.advice)


def _suggested(directive: Directive | None) -> str:
    if directive is None:
        return ""
    where = " ".join(part for part in (directive.kind, directive.strategy) if part)
    return f" [suggests {where}]"


def _reason(entry: Entry) -> str:
    """That of a failure is what the job has said last, which may be a row of its data."""
    told = entry.reason[:EVIDENCE]
    return untrusted(told, "the job", inline=True) if entry.status == "failed" else told


def _strategies(entries: Sequence[Entry]) -> Iterable[str]:
    def strategy(entry: Entry) -> str:
        return entry.experiment.strategy

    for name, group in groupby(sorted(entries, key=strategy), key=strategy):
        mine = list(group)
        best = max((_value(entry) for entry in mine), default=0.0)
        failed = sum(entry.status == "failed" for entry in mine)
        yield f"Strategy {name}: {len(mine)} experiments, {failed} failed, best dev {best:.3f}."


def _value(entry: Entry) -> float:
    return entry.score.value if entry.score else -1.0
