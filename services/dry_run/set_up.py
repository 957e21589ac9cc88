"""What a run would run on: minds and their keys, the metric, workers on the bus, backend, machine."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Mapping
from typing import NamedTuple

from agents.minds import choice
from agents.minds.llm import prices
from protocol.brief import Task
from protocol.errors import BadInput, PostdocsError
from protocol.job import Needs
from protocol.worker import WorkerState
from services import worker_access
from services.dry_run.findings import Finding
from services.executor.backends import select
from services.executor.inventory.machine import Machine, named
from services.executor.inventory.nvml import read_machine
from services.runs_on_bus import given_bus
from tools.sizing.gpus import CONTEXT_GB, GpuModel, gpu

BUS_SECONDS = 5.0
USD_PER_HOUR = "POSTDOCS_USD_PER_HOUR"
"""What an hour of the user's own machine costs, where it costs anything."""


class Device(NamedTuple):
    """What the jobs would run on."""

    findings: list[Finding]
    backend: str | None
    """None where no backend is, or another machine's worker takes the jobs."""
    gpu: GpuModel | None
    """None for the CPU, and where its kind is not known."""
    machine: Machine


def minds(models: tuple[str, ...]) -> list[Finding]:
    """Which mind the roles have, and whether their prices are known, so that a budget in dollars can hold."""
    chosen = choice.parsed(models)
    found = [Finding(name="minds", state="ok", told=choice.told(chosen))]
    for model in dict.fromkeys(model for model in chosen.values() if model is not None):
        try:
            known = prices.price(model)
        except BadInput as error:
            return [*found, Finding(name="prices", state="fault", told=str(error))]
        if known is None:
            told = f"no price of {model} is known, so budget.usd cannot bound it: name it in {prices.PRICES_VARIABLE}"
            found.append(Finding(name="prices", state="warning", told=told))
    return found


def metric(task: Task, environment: Mapping[str, str] = os.environ) -> list[Finding]:
    """The metric, and the variables that it is to be given. What it needs here `load_task` has looked for."""
    found = [Finding(name="metric", state="ok", told=task.metric)]
    missing = [name for name in task.benchmark.env if not environment.get(name)]
    if missing:
        told = f"benchmark.env names {', '.join(missing)}, not set here: set what the metric needs before the run"
        found.append(Finding(name="metric", state="warning", told=told))
    return found


async def device(task: Task, worker: str, bus: str | None) -> Device:
    """Who runs the jobs, and on what."""
    machine = read_machine()
    found, states = await _workers(task, bus) if bus is not None else ([], [])
    if any(one.state == "fault" for one in found):
        return Device(found, None, None, machine)
    if states and worker == "auto":
        told = ", ".join(f"{state.name} ({state.device})" for state in states)
        found.append(Finding(name="jobs", state="ok", told=f"they go to the workers on the bus: {told}"))
        return Device(found, None, _gpu(task, states[0].device), machine)
    if worker == "none":
        state = "ok" if states else "warning"
        told = "no worker is started" + ("" if states else ", and none is on the bus: jobs wait until one comes")
        found.append(Finding(name="jobs", state=state, told=told))  # type: ignore[arg-type]
        return Device(found, None, _gpu(task, states[0].device if states else ""), machine)
    return _here(task, machine, found)


def price_here(environment: Mapping[str, str] = os.environ) -> float | None:
    """Raises `BadInput`."""
    said = environment.get(USD_PER_HOUR)
    if not said:
        return None
    try:
        price = float(said)
    except ValueError as error:
        raise BadInput(f"{USD_PER_HOUR} is {said!r}: write a number, e.g. 2.5") from error
    if not price >= 0:
        raise BadInput(f"{USD_PER_HOUR} is {said!r}: write a number that is not below 0")
    return price


class Rented(NamedTuple):
    """The machine that Hugging Face Jobs would give."""

    usd_per_hour: float | None
    told: str
    """Where the price comes from, or why there is none."""
    gpu: GpuModel | None = None


async def rented(task: Task) -> Rented:
    """The cheapest that fits."""
    from huggingface_hub import HfApi

    from services.executor.backends.backend import BackendFailed
    from services.executor.backends.hf_jobs.faults import ask
    from services.executor.backends.hf_jobs.hardware import cheapest, flavors

    api = HfApi(endpoint=os.environ.get("HF_ENDPOINT") or None)
    try:
        offered = flavors(await ask("list the machines", api.list_jobs_hardware))
    except BackendFailed as error:
        return Rented(None, f"the prices of Hugging Face Jobs are not known ({error})")
    compute = task.compute
    needs = Needs(gpus=compute.gpus, kind=compute.kind, min_memory_gb=compute.min_memory_gb)
    found = cheapest(needs, offered)
    if found is None:
        return Rented(None, "Hugging Face Jobs has no machine of that kind")
    told = f"Hugging Face Jobs, {found.name} ({found.device})"
    return Rented(found.usd_per_hour, told, _gpu(task, f"{found.kind}-{found.gpu_memory_gb:.0f}gb"))


def _here(task: Task, machine: Machine, found: list[Finding]) -> Device:
    """A worker that the run starts."""
    fits = select.fits_here(task.compute, machine)
    try:
        backend = select.choose(task.compute.backend, fits, select.configured(), select.may_rent())
    except BadInput as error:
        found.append(Finding(name="jobs", state="fault", told=str(error)))
        return Device(found, None, _gpu(task, named(machine.gpus)), machine)
    where = f"this machine ({machine.device}, {machine.cpus} CPUs, {machine.memory_gb:.0f} GB)"
    told = f"a worker is started here, on {where}" if backend == "local" else f"a worker hands them to {backend}"
    found.append(Finding(name="jobs", state="ok", told=told))
    return Device(found, backend, _gpu(task, named(machine.gpus) if backend == "local" else ""), machine)


async def _workers(task: Task, url: str) -> tuple[list[Finding], list[WorkerState]]:
    """Those on the bus that serve the task's queue and backend."""
    try:
        async with asyncio.timeout(BUS_SECONDS):
            bus = await given_bus(url).connect(f"dry-run {os.getpid()}")
            try:
                there = await worker_access.workers(bus)
            finally:
                await bus.close()
    except (PostdocsError, TimeoutError) as error:
        told = str(error) or f"the bus did not answer within {BUS_SECONDS:.0f} s"
        return [Finding(name="bus", state="fault", told=told)], []
    wanted = task.compute
    fit = [one for one in there if one.queue == wanted.queue and wanted.backend in ("auto", one.backend)]
    told = f"it answers; {len(there)} workers, {len(fit)} of them for queue {wanted.queue}"
    return [Finding(name="bus", state="ok", told=told)], [one for one in fit if one.condition != "draining"]


def _gpu(task: Task, device: str) -> GpuModel | None:
    """By the device's name, else by the kind that the task asks for."""
    if not task.compute.gpus:
        return None
    for name in (device, task.compute.kind):
        try:
            found = gpu(name or "")
        except BadInput:
            continue
        share = task.compute.min_memory_gb
        return found.model_copy(update={"memory_gb": min(found.memory_gb, share + CONTEXT_GB)}) if share else found
    return None
