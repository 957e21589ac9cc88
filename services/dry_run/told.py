"""A dry run in words."""

from __future__ import annotations

from collections.abc import Iterator

from services.dry_run.findings import DryRun, Plan, Rung, Sized, Spending
from tools.sizing import told as sizing

MARKS = {"ok": "✓", "unknown": "?", "warning": "!", "fault": "✗"}
KINDS = {"new": "new", "repeat": "repeated under another seed", "promote": "going on from the best"}


def lines(found: DryRun) -> Iterator[str]:
    """What is printed, line by line."""
    for one in found.findings:
        yield f"{MARKS[one.state]} {one.name}: {one.told}"
    yield ""
    yield from _plan(found.plan)
    if found.sizes:
        yield ""
        yield f"Sizing, an estimate ({found.assumed}):"
        for sized in found.sizes:
            yield from _size(sized)
    yield ""
    yield from _spending(found.spending)
    yield ""
    yield f"{found.task} could run" if found.could_run else f"{found.task} could not run: mend what is marked ✗"


def _plan(plan: Plan) -> Iterator[str]:
    yield "Plan:"
    yield f"  floor: the base is scored and banked first ({'; '.join(plan.floor)})"
    yield f"  then {_duration(plan.training_seconds)} for training and scoring, by strategies in this order:"
    for one in plan.strategies:
        if one.unfit is not None:
            yield f"  {one.name}: not now, {one.unfit}"
            continue
        yield f"  {one.name} ({one.needs}): given up {one.gives_up}"
        if one.ladder:
            yield f"    {'; '.join(_rung(rung) for rung in one.ladder)}"
    yield "  The ladders are those of a strategy that gains at every step and has all the time; scores decide."


def _rung(rung: Rung) -> str:
    return f"{rung.jobs} × {_duration(rung.seconds)} {KINDS[rung.kind]}"


def _size(sized: Sized) -> Iterator[str]:
    fit = sized.fit
    needed, room = fit.memory.total / 1e9, fit.gpu.memory_gb
    state = "fits" if fit.fits else "does NOT fit"
    yield f"  {sized.strategy} {state}: {needed:.2f} of {room:.4g} GB ({fit.gpu.name}), {fit.setup.headline()}"
    yield f"    {sizing.parts(fit.memory)}"
    if sized.instead:
        yield f"    {sized.instead}"
    if sized.one_pass is not None:
        cost = f", {sized.one_pass.usd:.2f} USD" if sized.one_pass.usd is not None else ""
        yield f"    one pass over the rows: {sized.one_pass.hours:.2f} h{cost} ({sized.one_pass.told})"


def _spending(spending: Spending) -> Iterator[str]:
    cost = "" if spending.machine_usd is None else f", at most {spending.machine_usd:.2f} USD for the machine"
    price = spending.price if spending.usd_per_hour is None else f"{spending.usd_per_hour:.2f} USD/h, {spending.price}"
    yield f"Time and cost: {spending.hours:.2f} h{cost} ({price})"
    limits = [f"{spending.tokens:,} tokens"] if spending.tokens is not None else []
    limits += [f"{spending.mind_usd:.2f} USD"] if spending.mind_usd is not None else []
    yield f"  language models: at most {' and '.join(limits)}" if limits else "  language models: no limit is set"


def _duration(seconds: float) -> str:
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"
