"""Looks at all of a task in turn. Called by `postdocs run --dry-run`. Starts no process and writes nothing."""

from __future__ import annotations

from pathlib import Path

from protocol.brief import Task
from protocol.errors import BadInput
from services.dry_run import base_model, rows, set_up, sizes
from services.dry_run import plan as planned
from services.dry_run.findings import DryRun, Finding, SourceFound, Spending
from services.dry_run.set_up import Device
from services.task_file import load_task
from tools.sizing.gpus import GpuModel


async def dry_run(
    path: Path,
    *,
    budget: float | None = None,
    data: Path | None = None,
    models: tuple[str, ...] = (),
    worker: str = "auto",
    bus: str | None = None,
) -> DryRun:
    """The answer for the task file at `path`. Raises `BadInput` with every fault of the file itself."""
    task, folder = load_task(path, data, here=True).within(budget), path.resolve().parent
    findings = [Finding(name="task", state="ok", told=f"{path} is sound")]
    shape, about_base = await base_model.look(task, folder)
    sources, about_rows = await _sources(task, folder, data)
    device = await set_up.device(task, worker, bus)
    findings += [*about_base, *about_rows, *set_up.metric(task), *set_up.minds(models), *device.findings]
    spending, gpu, about_price = await _spending(task, device)
    seen = planned.view(task, folder, sources)
    sized = sizes.sizes(seen, shape, gpu, device.machine, spending.usd_per_hour)
    findings += [*about_price, *sizes.findings(sized, shape, task.compute.gpus), *_time(task)]
    return DryRun(
        task=task.name,
        could_run=not any(one.state == "fault" for one in findings),
        findings=tuple(findings),
        sources=sources,
        plan=planned.plan(seen),
        sizes=sized,
        assumed=_assumed(sources),
        spending=spending,
    )


async def _sources(task: Task, folder: Path, data: Path | None) -> tuple[tuple[SourceFound, ...], list[Finding]]:
    """One after the other: the files of a task are often the same."""
    sources, findings = list[SourceFound](), list[Finding]()
    for name, source in rows.named(task):
        found, told = await rows.look(name, source, task, folder, data)
        sources.append(found)
        findings += told
    return tuple(sources), findings


async def _spending(task: Task, device: Device) -> tuple[Spending, GpuModel | None, list[Finding]]:
    """What the run may take: its time, at the price of its machine, and the budgets of its minds. And the GPU, which
    for a rented machine is told with the price."""
    told, gpu, findings = f"no price is known: set {set_up.USD_PER_HOUR}", device.gpu, list[Finding]()
    price = None
    if device.backend == "hf_jobs":
        found = await set_up.rented(task)
        price, told, gpu = found.usd_per_hour, found.told, found.gpu or gpu
    try:
        own = set_up.price_here()
    except BadInput as error:
        own, findings = None, [Finding(name="price", state="fault", told=str(error))]
    if price is None and own is not None:
        price, told = own, set_up.USD_PER_HOUR
    hours = task.budget.time / 3600
    spending = Spending(
        hours=hours,
        usd_per_hour=price,
        price=told,
        machine_usd=None if price is None else hours * price,
        tokens=task.budget.tokens,
        mind_usd=task.budget.usd,
    )
    return spending, gpu, findings


def _time(task: Task) -> list[Finding]:
    if planned.training_seconds(task) > 0:
        return []
    return [Finding(name="budget", state="warning", told=f"{task.budget.time:g} s leave no time to train: give more")]


def _assumed(sources: tuple[SourceFound, ...]) -> str:
    if any(one.usable for one in sources if one.name.startswith("data ")):
        return f"{planned.CHARACTERS_PER_TOKEN} characters a token"
    return f"prompts of {planned.PROMPT_TOKENS} tokens and answers of {planned.ANSWER_TOKENS}: no row could be read"
