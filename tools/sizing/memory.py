"""What a training holds in the memory of each GPU, part by part, in bytes. Pure.

Activations are counted by the method of Korthikanti et al. 2022 (arXiv:2205.05198, section 4): every tensor that is
kept for the way back. Their 34·s·b·h is that of GPT-3's layer; ours has gated MLPs, grouped queries and transformers'
norms in float32, so the terms are those of its layers, with fused attention (no s² term but for Gemma 2).
"""

from __future__ import annotations

from collections.abc import Mapping

from protocol.message import Part
from tools.sizing import architecture
from tools.sizing.architecture import Architecture
from tools.sizing.gpus import CONTEXT_GB
from tools.sizing.training import Dtype, Setup, Training

BYTES: Mapping[Dtype, int] = {"bfloat16": 2, "float16": 2, "float32": 4}
FLOAT = 4
NF4 = 0.5 + 4 / 64
"""Bytes of a weight in four bits with a float32 scale for each 64 (QLoRA, Dettmers et al. 2023, arXiv:2305.14314)."""
EIGHT_BIT = 2 * (1 + 4 / 256)
"""Two moments of 8 bits with a float32 scale for each 256 (Dettmers et al. 2021, arXiv:2110.02861; bitsandbytes)."""
TILE = (4096, 32_768)
"""Tokens and vocabulary of a tile of logits in float32 (trl/kernels/chunked_logprob.py, trl/trainer/utils.py, 1.16)."""
FRAGMENTATION = 0.08
"""Assumption: torch's allocator loses so much of what comes and goes to gaps and rounding."""
NCCL_GB = 1.0
"""Assumption: buffers of the collectives, where there are several GPUs."""


class Breakdown(Part):
    """Bytes on one GPU."""

    weights: float
    gradients: float
    optimizer: float
    buffers: float
    """DDP's buckets of gradients, or the layer that FSDP has gathered."""
    activations: float
    logits: float
    cache: float
    """Keys and values while completions are generated; not at the same time as activations and logits."""
    overhead: float
    """CUDA's context, collectives, gaps of the allocator."""

    @property
    def total(self) -> float:
        """The most at one time."""
        state = self.weights + self.gradients + self.optimizer + self.buffers
        return state + max(self.activations + self.logits, self.cache) + self.overhead


def breakdown(shape: Architecture, training: Training, setup: Setup) -> Breakdown:
    """What one GPU holds at the height of a step."""
    weights, trained = weight_bytes(shape, training), trained_bytes(shape, training)
    gradients, states = trained, state_bytes(shape, training)
    shards = setup.gpus if setup.sharding == "fsdp" else 1
    on_gpu = 0.0 if setup.offload else 1.0 / shards
    working = activation_bytes(shape, training, setup) + logit_bytes(shape, training, setup)
    cache = cache_bytes(shape, training, setup)
    gaps = FRAGMENTATION * max(working, cache)
    return Breakdown(
        weights=weights * on_gpu,
        gradients=gradients * on_gpu,
        optimizer=states * on_gpu,
        buffers=_buffers(shape, training, setup, gradients),
        activations=activation_bytes(shape, training, setup),
        logits=logit_bytes(shape, training, setup),
        cache=cache,
        overhead=1e9 * (CONTEXT_GB + (NCCL_GB if setup.gpus > 1 else 0.0)) + gaps,
    )


def host_bytes(shape: Architecture, training: Training, setup: Setup) -> float:
    """What offloaded shards take of the host's memory, all GPUs together."""
    if not setup.offload:
        return 0.0
    return weight_bytes(shape, training) + trained_bytes(shape, training) + state_bytes(shape, training)


def trained_parameters(shape: Architecture, training: Training) -> int:
    if training.update == "full":
        return architecture.parameters(shape)
    return architecture.adapter_parameters(shape, training.rank)


def weight_bytes(shape: Architecture, training: Training) -> float:
    """Base, adapters, and the frozen reference where there is one. With adapters the base is its own reference."""
    total, size = architecture.parameters(shape), BYTES[training.dtype]
    if training.update == "full":
        return (2 if training.reference else 1) * size * total
    packed = architecture.linear_parameters(shape) if training.update == "qlora" else 0
    return size * (total - packed) + NF4 * packed + FLOAT * trained_parameters(shape, training)


def trained_bytes(shape: Architecture, training: Training) -> float:
    """One gradient of all that is trained."""
    return trained_parameters(shape, training) * _trained_size(training)


def state_bytes(shape: Architecture, training: Training) -> float:
    """AdamW's two moments, in the precision of what they belong to; SGD without momentum has none."""
    each = {"adamw": 2.0 * _trained_size(training), "adamw_8bit": EIGHT_BIT, "sgd": 0.0}[training.optimizer]
    return trained_parameters(shape, training) * each


def activation_bytes(shape: Architecture, training: Training, setup: Setup) -> float:
    """All layers', or with checkpointing their inputs and one layer's at a time (the paper's 2·s·b·h·L)."""
    tokens = training.sequence * training.tensors * setup.micro_batch
    layer = tokens * _kept_of_a_layer(shape, training)
    inputs = tokens * BYTES[training.dtype] * shape.hidden
    return shape.layers * inputs + layer if setup.checkpointing else shape.layers * layer


def logit_bytes(shape: Architecture, training: Training, setup: Setup) -> float:
    """Of the tokens that are scored: for GRPO the completion's, else all (an answer may fill its sequence).

    At once: the logits, float32 log-probabilities for the way back, their gradient, and that in the logits' precision.
    In tiles: one tile, and float32 gradients of the head's input and, where it is trained, of its matrix.
    """
    scored = training.completion if training.objective == "grpo" and training.completion else training.sequence
    tokens, size = scored * training.tensors * setup.micro_batch, BYTES[training.dtype]
    if training.whole_logits:
        return tokens * shape.vocabulary * (2 * size + 2 * FLOAT)
    tile = min(tokens, TILE[0]) * min(shape.vocabulary, TILE[1]) * FLOAT
    head = shape.vocabulary * shape.hidden * (FLOAT + size) if training.update == "full" else 0
    return tile + tokens * shape.hidden * FLOAT + head


def cache_bytes(shape: Architecture, training: Training, setup: Setup) -> float:
    """GRPO: keys and values of all that a GPU generates at a time, by transformers. TRL generates the whole
    accumulated batch at once. vLLM takes what it is given (agents/engineer/scripts/grpo.py)."""
    if training.objective != "grpo":
        return 0.0
    sequences = setup.micro_batch * setup.accumulation
    keys = 2 * shape.layers * shape.keys * BYTES[training.dtype] * training.sequence
    return sequences * (keys + shape.vocabulary * (BYTES[training.dtype] + FLOAT))


def _kept_of_a_layer(shape: Architecture, training: Training) -> float:
    """Bytes of one token in one layer. A frozen weight needs neither its input nor, in a norm, its result."""
    size, traits, hidden = BYTES[training.dtype], shape.traits, shape.hidden
    learns = training.update == "full"
    result = size if learns else 0
    norms = traits.norms * hidden * {"rms": FLOAT + result, "rms_float": FLOAT + 2 * result, "layer": size}[traits.norm]
    inputs = 2 * hidden * result
    attention = size * (2 * shape.queries + 2 * shape.keys) + FLOAT * shape.heads
    if traits.qk_norm != "none":
        attention += (FLOAT + result) * (shape.queries + shape.keys)
    if not traits.fused_attention:
        attention += (FLOAT + 2 * size) * shape.heads * training.sequence
    dense = ((3 if traits.gated else 4) * size + result) * shape.width
    mlp = dense * shape.dense_layers / shape.layers
    if shape.experts is not None:
        chosen = shape.experts.per_token * (4 * size * shape.experts.width + 2 * size * hidden)
        mlp += (chosen + 4 * size * shape.experts.shared_width) * shape.experts.layers / shape.layers
    return norms + inputs + attention + mlp + (0 if learns else _kept_of_adapters(shape, training))


def _kept_of_adapters(shape: Architecture, training: Training) -> float:
    """peft multiplies its adapters in float32: each linear layer's input once more, and its image of `rank`."""
    width = shape.experts.shared_width if shape.experts else shape.width
    inputs = 3 * shape.hidden + shape.queries + (2 * shape.hidden + width if width else 0)
    return FLOAT * (inputs + 7 * training.rank)


def _trained_size(training: Training) -> int:
    """Bytes of a trained weight: peft keeps adapters in float32 (`autocast_adapter_dtype`)."""
    return BYTES[training.dtype] if training.update == "full" else FLOAT


def _buffers(shape: Architecture, training: Training, setup: Setup, gradients: float) -> float:
    """DDP copies gradients into buckets (`gradient_as_bucket_view=False`); FSDP holds the layer at work and the one
    fetched ahead, and the embedding."""
    if setup.sharding == "ddp":
        return gradients
    if setup.sharding != "fsdp":
        return 0.0
    matrix = shape.vocabulary * shape.hidden
    return BYTES[training.dtype] * (2 * architecture.layer_parameters(shape) + matrix)
