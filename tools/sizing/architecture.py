"""A decoder's shape, read from its config.json, and how many parameters follow from it. Pure.

Each family is what transformers builds for its `model_type`; the counts agree with its models to the parameter
(tests/tools/sizing). For other families `tools.sizing.exact` asks transformers itself.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from protocol.errors import BadInput
from protocol.message import Part

CONFIG_KEYS = ("hidden_size", "num_hidden_layers", "num_attention_heads", "vocab_size")


class Unsized(BadInput):
    """A config from which no size follows."""

    def __init__(self, what: str) -> None:
        super().__init__(f"the model's size does not follow from its config: {what}")


@dataclass(frozen=True)
class Family:
    """What transformers does for one `model_type` beyond what a config says."""

    qkv_bias: bool | None = False
    """None: as `attention_bias` says, and the output's too."""
    all_biases: bool = False
    """Every linear layer has one, the head as well, and norms are LayerNorms (Phi-2)."""
    qk_norm: Literal["none", "head", "whole"] = "none"
    norms: int = 2
    """Of the hidden state, in a layer."""
    norm: Literal["rms", "rms_float", "layer"] = "rms"
    """What it keeps for the way back: input in float32 and result (Llama), both in float32 (Gemma), the input alone."""
    gated: bool = True
    fused_attention: bool = True
    """False: transformers has no fused kernel for it, and the attention matrices are kept (Gemma 2 caps them)."""
    tied: bool = False
    """Head and embedding are one matrix where the config does not say."""
    head_size: int | None = None
    """Of an attention head where the config does not say; None: hidden size over heads."""


FAMILIES: Mapping[str, Family] = {
    "llama": Family(qkv_bias=None),
    "mistral": Family(),
    "qwen2": Family(qkv_bias=True),
    "qwen3": Family(qkv_bias=None, qk_norm="head", head_size=128),
    "gemma": Family(norm="rms_float", tied=True, head_size=256),
    "gemma2": Family(norms=4, norm="rms_float", fused_attention=False, tied=True, head_size=256),
    "gemma3_text": Family(norms=4, norm="rms_float", qk_norm="head", tied=True, head_size=256),
    "phi": Family(all_biases=True, norms=1, norm="layer", gated=False),
    "phi3": Family(),
    "olmo2": Family(qkv_bias=None, qk_norm="whole", norm="rms_float"),
    "smollm3": Family(qkv_bias=None, tied=True),
    "mixtral": Family(),
    "qwen2_moe": Family(qkv_bias=True),
    "qwen3_moe": Family(qkv_bias=None, qk_norm="head", head_size=128),
}

WITH_EXPERTS = ("mixtral", "qwen2_moe", "qwen3_moe")


class Experts(Part):
    """The mixture of experts of the layers that have one."""

    count: int
    per_token: int
    width: int
    """Of one expert's inner layer."""
    shared_width: int = 0
    """Of the expert that every token passes; 0: there is none."""
    layers: int
    """How many have experts; the others are dense."""


class Architecture(Part):
    """A decoder-only transformer. Sizes in elements."""

    family: str
    layers: int
    hidden: int
    heads: int
    kv_heads: int
    head_size: int
    width: int
    """Of the inner layer of a dense MLP."""
    vocabulary: int
    tied: bool
    """The head and the embedding are one matrix."""
    context: int | None = None
    attention_biases: int = 0
    """Elements of the biases of one layer's attention …"""
    mlp_biases: int = 0
    """… and of its MLP."""
    experts: Experts | None = None

    @property
    def traits(self) -> Family:
        return FAMILIES[self.family]

    @property
    def queries(self) -> int:
        """Elements of all query heads of a token."""
        return self.heads * self.head_size

    @property
    def keys(self) -> int:
        """Elements of all key heads of a token; the values have as many."""
        return self.kv_heads * self.head_size

    @property
    def dense_layers(self) -> int:
        return self.layers - (self.experts.layers if self.experts else 0)


def read(config: Mapping[str, Any]) -> Architecture:
    """The shape that a config.json tells; of a model that sees too, its text part. Raises `Unsized`."""
    inner = config.get("text_config")
    if isinstance(inner, Mapping):
        config = inner
    family = str(config.get("model_type", ""))
    if family not in FAMILIES:
        raise Unsized(f"its model_type is not one of {', '.join(FAMILIES)}")
    missing = [key for key in CONFIG_KEYS if not _whole(config.get(key))]
    if missing:
        raise Unsized(f"it has no {', '.join(missing)}")
    traits, hidden, heads = FAMILIES[family], int(config["hidden_size"]), int(config["num_attention_heads"])
    kv_heads = int(config.get("num_key_value_heads") or heads)
    head_size = int(config.get("head_dim") or traits.head_size or hidden // heads)
    width = int(config.get("intermediate_size") or 0)
    biases = traits.qkv_bias if traits.qkv_bias is not None else bool(config.get("attention_bias"))
    out_bias = traits.all_biases or (traits.qkv_bias is None and biases)
    mlp_bias = traits.all_biases or bool(config.get("mlp_bias"))
    return Architecture(
        family=family,
        layers=int(config["num_hidden_layers"]),
        hidden=hidden,
        heads=heads,
        kv_heads=kv_heads,
        head_size=head_size,
        width=width,
        vocabulary=int(config["vocab_size"]),
        tied=bool(config.get("tie_word_embeddings", traits.tied)),
        context=config.get("max_position_embeddings"),
        attention_biases=(heads + 2 * kv_heads) * head_size * (biases or traits.all_biases) + hidden * out_bias,
        mlp_biases=((2 if traits.gated else 1) * width + hidden) * mlp_bias,
        experts=_experts(config),
    )


def parameters(shape: Architecture) -> int:
    """All of them, an embedding that is the head too counted once."""
    layers = shape.layers * _attention_and_norms(shape) + shape.dense_layers * _mlp(shape, shape.width)
    layers += shape.dense_layers * shape.mlp_biases
    if shape.experts is not None:
        layers += shape.experts.layers * _experts_of_a_layer(shape, shape.experts, shape.experts.count)
    return layers + _outside_layers(shape)


def active_parameters(shape: Architecture) -> int:
    """Those that a token is multiplied with: of the experts the chosen ones, the head, and not the embedding, which
    is looked up (the N of 6 N, Kaplan et al. 2020, arXiv:2001.08361, with the head)."""
    layers = shape.layers * _attention_and_norms(shape) + shape.dense_layers * _mlp(shape, shape.width)
    if shape.experts is not None:
        layers += shape.experts.layers * _experts_of_a_layer(shape, shape.experts, shape.experts.per_token)
    return layers + shape.vocabulary * shape.hidden


def linear_parameters(shape: Architecture) -> int:
    """Those in `nn.Linear` layers other than the head: what bitsandbytes packs into four bits. transformers keeps the
    experts of a layer in one tensor, which is no such layer."""
    dense = shape.layers * _attention(shape) + shape.dense_layers * _mlp(shape, shape.width)
    shared = shape.experts.layers * _mlp(shape, shape.experts.shared_width) if shape.experts else 0
    return dense + shared


def layer_parameters(shape: Architecture) -> int:
    """The largest of its layers: what FSDP gathers at a time (https://arxiv.org/abs/2304.11277, section 3.2)."""
    largest = _mlp(shape, shape.width) if shape.dense_layers else 0
    if shape.experts is not None:
        largest = max(largest, _experts_of_a_layer(shape, shape.experts, shape.experts.count))
    return _attention_and_norms(shape) + largest


def adapter_parameters(shape: Architecture, rank: int) -> int:
    """Of LoRA on all linear layers but the head: rank × (in + out) for each (Hu et al. 2021, arXiv:2106.09685)."""
    hidden, queries, keys = shape.hidden, shape.queries, shape.keys
    fused = shape.family == "phi3"  # one matrix for queries, keys and values, and one for gate and up
    projections = (hidden + queries + 2 * keys) if fused else (3 * hidden + queries + 2 * keys)
    attention = projections + (queries + hidden)

    def mlp(width: int) -> int:
        if not width:
            return 0
        if fused:
            return (hidden + 2 * width) + (width + hidden)
        return (3 if shape.traits.gated else 2) * (hidden + width)

    total = shape.layers * attention + shape.dense_layers * mlp(shape.width)
    if shape.experts is not None and shape.experts.shared_width:
        total += shape.experts.layers * (mlp(shape.experts.shared_width) + hidden + 1)  # and its gate
    return rank * total


def _whole(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 < value < 10**9


def _experts(config: Mapping[str, Any]) -> Experts | None:
    count = config.get("num_local_experts") or config.get("num_experts")
    family = str(config["model_type"])
    if not isinstance(count, int) or family not in WITH_EXPERTS:
        return None
    layers, step = int(config["num_hidden_layers"]), int(config.get("decoder_sparse_step") or 1)
    dense = set(config.get("mlp_only_layers") or ())
    return Experts(
        count=count,
        per_token=int(config.get("num_experts_per_tok") or 2),
        width=int(config.get("moe_intermediate_size") or config.get("intermediate_size") or 0),
        shared_width=int(config.get("shared_expert_intermediate_size") or 0) if family == "qwen2_moe" else 0,
        layers=sum(1 for n in range(layers) if n not in dense and (n + 1) % step == 0),
    )


def _attention(shape: Architecture) -> int:
    return 2 * shape.hidden * shape.queries + 2 * shape.hidden * shape.keys


def _attention_and_norms(shape: Architecture) -> int:
    norms = shape.traits.norms * shape.hidden * (2 if shape.traits.all_biases else 1)
    qk = {"none": 0, "head": 2 * shape.head_size, "whole": shape.queries + shape.keys}[shape.traits.qk_norm]
    return _attention(shape) + shape.attention_biases + norms + qk


def _mlp(shape: Architecture, width: int) -> int:
    return (3 if shape.traits.gated else 2) * shape.hidden * width


def _experts_of_a_layer(shape: Architecture, experts: Experts, count: int) -> int:
    router = shape.hidden * experts.count
    shared = _mlp(shape, experts.shared_width) + shape.hidden if experts.shared_width else 0
    return count * _mlp(shape, experts.width) + router + shared


def _outside_layers(shape: Architecture) -> int:
    matrix = shape.vocabulary * shape.hidden
    head = (0 if shape.tied else matrix) + (shape.vocabulary if shape.traits.all_biases else 0)
    return matrix + head + shape.hidden * (2 if shape.traits.all_biases else 1)
