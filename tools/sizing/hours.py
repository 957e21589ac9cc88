"""How long a training takes, and what that costs: from measured steps where there are any, else from operations. Pure.

Operations of a token: 6·N in training and 2·N in generation for N active parameters (Kaplan et al. 2020,
arXiv:2001.08361; Hoffmann et al. 2022, arXiv:2203.15556), and 12·L·H·Q·T in training for the attention (Chowdhery et
al. 2022, arXiv:2204.02311, appendix B).
"""

from __future__ import annotations

from typing import Literal

from protocol.message import Part
from tools.sizing import architecture
from tools.sizing.architecture import Architecture
from tools.sizing.gpus import GpuModel
from tools.sizing.training import Setup, Training

TRAINING_SHARE = 0.30
"""Assumption, of the GPU's dense speed (MFU): Llama 3 reached 0.38 to 0.43 on H100 (arXiv:2407.21783, table 4);
fine-tuning has shorter, padded batches."""
GENERATION_SHARE = 0.05
"""Assumption for generation: it is bound by memory. PaLM's best was 0.14 at a batch of 64 (arXiv:2211.05102, table 1);
vLLM on one GPU stays below, and transformers far below."""


class Duration(Part):
    """Hours of all GPUs together working side by side."""

    hours: float
    basis: Literal["measured", "estimated"]
    told: str
    """What it is derived from: the pace that was measured, or the assumed share of the GPU's speed."""
    usd: float | None = None
    """None where nobody knows a price."""


def training_flops(shape: Architecture, training: Training, checkpointing: bool) -> float:
    """Of one token, forward and back; with checkpointing one pass forward more."""
    passes = 3 + checkpointing  # forward, gradient of the input, gradient of the weights
    through_weights = passes if training.update == "full" else passes - 1
    weights = 2.0 * architecture.active_parameters(shape) * through_weights
    return weights + 4.0 * shape.layers * shape.queries * training.sequence * passes


def step_flops(shape: Architecture, training: Training, setup: Setup) -> float:
    """Of one step of the optimizer, all examples at full length. GRPO scores nothing beside the policy when it is on
    policy; a frozen reference costs one pass forward."""
    tokens = float(training.batch * training.tensors * training.sequence)
    reference = 2.0 * architecture.active_parameters(shape) if training.reference else 0.0
    return tokens * (training_flops(shape, training, setup.checkpointing) + reference)


def generation_flops(shape: Architecture, training: Training) -> float:
    """Of one step of GRPO: prompts read and completions written, all at full length."""
    if training.objective != "grpo":
        return 0.0
    return 2.0 * architecture.active_parameters(shape) * training.batch * training.sequence


def step_seconds(shape: Architecture, training: Training, setup: Setup, gpu: GpuModel) -> float:
    """An estimate, at the assumed shares of the GPUs' speed."""
    speed = 1e12 * gpu.teraflops * setup.gpus
    trained = step_flops(shape, training, setup) / (TRAINING_SHARE * speed)
    return trained + generation_flops(shape, training) / (GENERATION_SHARE * speed)


def estimated(
    shape: Architecture,
    training: Training,
    setup: Setup,
    gpu: GpuModel,
    steps: float,
    usd_per_hour: float | None = None,
) -> Duration:
    """So many steps, by their operations. `usd_per_hour` is that of the machine, all its GPUs."""
    told = f"estimated from operations at {TRAINING_SHARE:.0%} of {gpu.teraflops:g} TFLOP/s a GPU"
    told += f", generation at {GENERATION_SHARE:.0%}" if training.objective == "grpo" else ""
    hours = steps * step_seconds(shape, training, setup, gpu) / 3600
    return Duration(hours=hours, basis="estimated", told=told, usd=_cost(hours, usd_per_hour))


def measured(steps: float, steps_per_second: float, where: str, usd_per_hour: float | None = None) -> Duration:
    """So many steps, at a pace that was measured."""
    hours = steps / steps_per_second / 3600
    told = f"measured: {steps_per_second:.3g} steps/s in {where}"
    return Duration(hours=hours, basis="measured", told=told, usd=_cost(hours, usd_per_hour))


def _cost(hours: float, usd_per_hour: float | None) -> float | None:
    return None if usd_per_hour is None else hours * usd_per_hour
