"""The tool `size_training`: will it fit, how is it set up, how long does it take?"""

from __future__ import annotations

import math
from typing import Annotated

from pydantic import Field

from protocol.brief import Task
from protocol.errors import BadInput
from protocol.experiment import ProposeRequest
from tools.arguments import Arguments
from tools.sizing import architecture, exact, hours, lookup, told
from tools.sizing.architecture import Architecture
from tools.sizing.fit import fit
from tools.sizing.gpus import GpuModel, gpu
from tools.sizing.hours import Duration
from tools.sizing.training import Objective, Optimizer, Training, Update
from tools.tool import Desk, Tool, ToolFault

LONGEST = 1_000_000
SECONDS = 120.0


class SizeTraining(Arguments):
    model: Annotated[str | None, Field(max_length=140)] = None
    """Of the Hub, owner/name; without it the task's base model."""
    objective: Objective = "sft"
    update: Update = "full"
    """Which weights are trained: all, LoRA's adapters, or those on a base of four bits."""
    optimizer: Optimizer = "adamw"
    lora_rank: Annotated[int, Field(gt=0, le=4096)] = 16
    sequence: Annotated[int, Field(gt=0, le=LONGEST)]
    """Tokens of the longest example, prompt and answer."""
    completion: Annotated[int, Field(ge=0, le=LONGEST)] = 0
    """grpo: tokens that are generated at most."""
    batch: Annotated[int, Field(gt=0, le=100_000)] = 16
    """Examples of one step of the optimizer, all GPUs together; grpo: completions, dpo: pairs."""
    reference: bool = False
    """grpo with beta above 0: a frozen copy of the weights."""
    whole_logits: bool = False
    """The loss makes all logits at once, as in transformers' own Trainer; TRL's make them in tiles."""
    gpu: Annotated[str | None, Field(max_length=60)] = None
    """h100, h200, a100-80gb, l40s, a10g, t4 …; without it what the task asks for."""
    gpus: Annotated[int, Field(gt=0, le=8)] = 1
    rows: Annotated[int, Field(ge=0, le=10**9)] = 0
    """Examples to train on: tells the hours of one pass over them …"""
    usd_per_hour: Annotated[float | None, Field(gt=0, le=10_000)] = None
    """… and what it costs on a machine of this price."""


async def _size(given: SizeTraining, desk: Desk) -> str:
    task = desk.request.task if isinstance(desk.request, ProposeRequest) else None
    model, device = given.model or (task.base_model if task else None), _gpu(given, task)
    if model is None:
        raise ToolFault("name the `model`: owner/name on the Hub")
    config = lookup.nearby(model, desk.task_folder) if given.model is None or lookup.HUB_ID.match(model) else None
    config = config or await lookup.from_hub(model)
    try:
        shape = architecture.read(config)
    except BadInput as error:
        counted = await exact.count(config)
        known = f"transformers counts {counted:,} parameters, " if counted else ""
        raise ToolFault(f"{known}but no memory is told: {error}") from error
    training = _training(given)
    found = fit(shape, training, device, given.gpus)
    lines = [f"{model}: {told.size(shape)}.", told.verdict(shape, training, found)]
    if not found.on_gpu:
        lines.append(told.instead(shape, training, device, given.gpus))
    if given.rows:
        steps = math.ceil(given.rows / training.batch)
        estimate = hours.estimated(shape, training, found.setup, device, steps, given.usd_per_hour)
        lines.append(f"One pass: {told.duration(_measured(given, desk, steps) or estimate, steps)}.")
    return "\n".join([*lines, *_beyond(shape, given)])


def _training(given: SizeTraining) -> Training:
    if given.completion >= given.sequence:
        raise ToolFault("`completion` is part of `sequence`: give a smaller one")
    return Training(
        objective=given.objective,
        update=given.update,
        optimizer=given.optimizer,
        rank=given.lora_rank,
        sequence=given.sequence,
        completion=given.completion,
        batch=given.batch,
        reference=given.reference or given.objective == "dpo",
        whole_logits=given.whole_logits,
    )


def _gpu(given: SizeTraining, task: Task | None) -> GpuModel:
    name = given.gpu or (task.compute.kind if task else None)
    if name is None:
        raise ToolFault("name the `gpu`: the task does not say which it is")
    try:
        return gpu(name)
    except BadInput as error:
        raise ToolFault(str(error)) from error


def _measured(given: SizeTraining, desk: Desk, steps: int) -> Duration | None:
    """At the pace of this run's latest job of the kind on the base model, loading included; None where there was none.

    A job of another batch counts by its examples a second.
    """
    if given.model is not None or not isinstance(desk.request, ProposeRequest):
        return None
    wanted = {"sft": ("lora",) if given.update != "full" else ("sft",), "grpo": ("grpo",), "dpo": ("preference",)}
    for entry in reversed(desk.request.digest.entries):
        recipe = entry.experiment.recipe
        batch = recipe.get("per_device_train_batch_size")
        kind = entry.experiment.strategy in wanted[given.objective]
        if not (kind and entry.steps and entry.seconds > 0 and isinstance(batch, int)):
            continue
        examples = entry.steps * batch * int(recipe.get("gradient_accumulation_steps") or 1)
        where = f"{entry.experiment.id}{f' on {entry.device}' if entry.device else ''}"
        return hours.measured(steps, examples / entry.seconds / given.batch, where, given.usd_per_hour)
    return None


def _beyond(shape: Architecture, given: SizeTraining) -> list[str]:
    if shape.context is not None and given.sequence > shape.context:
        return [f"Note: the model's context is {shape.context:,} tokens, which is less than the sequence."]
    return []


SIZE_TRAINING = Tool(
    "size_training",
    "Whether a training fits on a GPU, with what is held there; the cheapest set-up (micro batch, accumulation, "
    "checkpointing, DDP or FSDP, offload); hours of one pass over the rows.",
    SizeTraining,
    _size,
    seconds=SECONDS,
    outside=True,
)
