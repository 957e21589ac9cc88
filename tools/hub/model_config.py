"""What a model's config.json says of its architecture.

https://huggingface.co/docs/transformers/main_classes/configuration; models of several modalities keep the language
model's part under `text_config`.
"""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict

from tools.excerpt import shortened

CONTEXT = ("max_position_embeddings", "n_positions", "n_ctx", "max_seq_len", "max_sequence_length", "seq_length")
"""Names of the context length, tokens, in the order of their use."""
SHAPE = {
    "layers": ("num_hidden_layers", "n_layer", "num_layers"),
    "hidden size": ("hidden_size", "n_embd", "d_model"),
    "attention heads": ("num_attention_heads", "n_head", "num_heads"),
    "key-value heads": ("num_key_value_heads",),
    "experts": ("num_local_experts", "num_experts", "n_routed_experts"),
    "vocabulary": ("vocab_size",),
}


class Config(BaseModel):
    """config.json, every field as it is."""

    model_config = ConfigDict(extra="allow")

    architectures: list[str] | None = None
    model_type: str | None = None
    text_config: dict[str, Any] | None = None

    def first(self, names: tuple[str, ...]) -> Any:
        """The first of these fields that is set, of the language model."""
        fields = {**(self.model_extra or {}), **(self.text_config or {})}
        return next((fields[name] for name in names if fields.get(name) is not None), None)


def architecture(config: Config) -> str:
    """Class, type, shape, context length; whether it needs code of its own."""
    shape = {told: config.first(names) for told, names in SHAPE.items()}
    figures = [f"{value:,} {told}" for told, value in shape.items() if isinstance(value, int)]
    context = config.first(CONTEXT)
    scaling = config.first(("rope_scaling", "rope_parameters"))
    window = config.first(("sliding_window",))
    facts = [
        f"architecture: {shortened(', '.join(config.architectures or ['not said']), 200)} ({config.model_type or '?'})",
        ", ".join(figures),
        f"context length: {context:,} tokens" if isinstance(context, int) else "context length: not said",
        f"rope: {shortened(str(scaling), 200)}" if scaling else "",
        f"sliding window: {window}" if isinstance(window, int) else "",
        "it names code of its own (auto_map), which is not run here" if config.first(("auto_map",)) else "",
    ]
    return "\n".join(fact for fact in facts if fact)
