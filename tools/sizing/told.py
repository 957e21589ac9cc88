"""A fit in words, for minds and for the dry run. Pure."""

from __future__ import annotations

from tools.sizing import architecture
from tools.sizing.architecture import Architecture
from tools.sizing.fit import Fit, fewest_gpus, fit
from tools.sizing.gpus import GPUS, GpuModel
from tools.sizing.hours import Duration
from tools.sizing.memory import Breakdown, trained_parameters
from tools.sizing.training import Training

BIGGER = ("a10g", "l40s", "h100", "h200", "b200")
"""GPUs that are named where one is too small, in the order of their memory."""
PARTS = ("weights", "gradients", "optimizer", "buffers", "activations", "logits", "cache", "overhead")


def size(shape: Architecture) -> str:
    """`qwen3, 1,720,574,976 parameters`; of a mixture of experts, those that a token meets too."""
    total, active = architecture.parameters(shape), architecture.active_parameters(shape)
    told = f"{shape.family}, {total:,} parameters"
    return f"{told}, {active:,} of them at work for each token" if shape.experts else told


def verdict(shape: Architecture, training: Training, found: Fit) -> str:
    """Whether it fits, how it is set up, and what is held."""
    room = f"{found.gpu.name} with {found.gpu.memory_gb:g} GB"
    needed = f"{found.memory.total / 1e9:.1f} GB on each of its GPUs"
    trained = f"{trained_parameters(shape, training):,} parameters are trained ({training.update}, {training.optimizer}"
    how = "does NOT fit" if not found.fits else "fits" if found.on_gpu else "fits only with the host's memory"
    head = f"It {how}: {needed}, {room}."
    lines = [head, f"Set-up: {found.setup.headline()}.", f"{trained}, {training.dtype})."]
    lines.append(f"Of it: {parts(found.memory)}.")
    if found.host_gb:
        lines.append(
            f"The host's memory holds {found.host_gb:.0f} GB of shards, and its link to the GPU sets the pace."
        )
    if training.dtype == "bfloat16" and not found.gpu.bfloat16:
        lines.append(f"But {found.gpu.name} has no bfloat16: train in float16 or float32.")
    return "\n".join(lines)


def parts(held: Breakdown) -> str:
    """`weights 3.4 GB, gradients 3.4 GB …`, what is nothing left out."""
    sizes = ((name, getattr(held, name) / 1e9) for name in PARTS)
    return ", ".join(f"{name} {gigabytes:.2f} GB" for name, gigabytes in sizes if gigabytes >= 0.005)


def instead(shape: Architecture, training: Training, gpu: GpuModel, gpus: int) -> str:
    """What would fit well where this does not, each on its own: method, data and model stay the user's choice."""
    ways: list[str] = []
    more = fewest_gpus(shape, training, gpu)
    if more is not None and more.setup.gpus > gpus:
        ways.append(f"{more.setup.gpus} × {gpu.name} ({more.setup.headline()})")
    larger = (GPUS[name] for name in BIGGER if GPUS[name].memory_gb > gpu.memory_gb)
    bigger = next((one for one in larger if fit(shape, training, one, gpus).on_gpu), None)
    if bigger is not None:
        ways.append(f"{gpus} × {bigger.name} ({bigger.memory_gb:g} GB)")
    updates = {"full": ("lora", "qlora"), "lora": ("qlora",), "qlora": ()}[training.update]
    for update in updates:
        if fit(shape, training.model_copy(update={"update": update}), gpu, gpus).on_gpu:
            ways.append("LoRA" if update == "lora" else "QLoRA")
            break
    shorter = training.model_copy(update={"sequence": max(1, training.sequence // 2)})
    if fit(shape, shorter, gpu, gpus).on_gpu:
        ways.append(f"sequences of {shorter.sequence} tokens")
    return f"It would fit well with {'; or '.join(ways)}." if ways else "No single change that is tried makes it fit."


def duration(found: Duration, steps: float) -> str:
    cost = f", {found.usd:.2f} USD" if found.usd is not None else ""
    return f"{steps:,.0f} steps: {found.hours:.2f} h{cost} ({found.told})"
