"""Configs of common base models, as far as their size goes, for machines without a network.

From each model's config.json on the Hugging Face Hub (the keys are the models' ids), with the number of parameters that
the Hub shows for its weights. A config that was downloaded goes before these.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

KNOWN: Mapping[str, tuple[dict[str, Any], int]] = {
    "Qwen/Qwen3-1.7B-Base": (
        {"model_type": "qwen3", "hidden_size": 2048, "intermediate_size": 6144, "num_hidden_layers": 28,
         "num_attention_heads": 16, "num_key_value_heads": 8, "head_dim": 128, "vocab_size": 151936,
         "tie_word_embeddings": True, "attention_bias": False, "max_position_embeddings": 32768}, 1_720_574_976),
    "meta-llama/Llama-3.1-8B": (
        {"model_type": "llama", "hidden_size": 4096, "intermediate_size": 14336, "num_hidden_layers": 32,
         "num_attention_heads": 32, "num_key_value_heads": 8, "vocab_size": 128256, "tie_word_embeddings": False,
         "attention_bias": False, "mlp_bias": False, "max_position_embeddings": 131072}, 8_030_261_248),
    "mistralai/Mistral-7B-v0.1": (
        {"model_type": "mistral", "hidden_size": 4096, "intermediate_size": 14336, "num_hidden_layers": 32,
         "num_attention_heads": 32, "num_key_value_heads": 8, "vocab_size": 32000, "tie_word_embeddings": False,
         "sliding_window": 4096, "max_position_embeddings": 32768}, 7_241_732_096),
    "Qwen/Qwen2.5-0.5B": (
        {"model_type": "qwen2", "hidden_size": 896, "intermediate_size": 4864, "num_hidden_layers": 24,
         "num_attention_heads": 14, "num_key_value_heads": 2, "vocab_size": 151936, "tie_word_embeddings": True,
         "max_position_embeddings": 32768}, 494_032_768),
    "google/gemma-2b": (
        {"model_type": "gemma", "hidden_size": 2048, "intermediate_size": 16384, "num_hidden_layers": 18,
         "num_attention_heads": 8, "num_key_value_heads": 1, "head_dim": 256, "vocab_size": 256000,
         "max_position_embeddings": 8192}, 2_506_172_416),
    "google/gemma-2-2b": (
        {"model_type": "gemma2", "hidden_size": 2304, "intermediate_size": 9216, "num_hidden_layers": 26,
         "num_attention_heads": 8, "num_key_value_heads": 4, "head_dim": 256, "vocab_size": 256000,
         "max_position_embeddings": 8192}, 2_614_341_888),
    "google/gemma-3-1b-pt": (
        {"model_type": "gemma3_text", "hidden_size": 1152, "intermediate_size": 6912, "num_hidden_layers": 26,
         "num_attention_heads": 4, "num_key_value_heads": 1, "head_dim": 256, "vocab_size": 262144,
         "max_position_embeddings": 32768}, 999_885_952),
    "microsoft/phi-2": (
        {"model_type": "phi", "hidden_size": 2560, "intermediate_size": 10240, "num_hidden_layers": 32,
         "num_attention_heads": 32, "num_key_value_heads": 32, "vocab_size": 51200, "tie_word_embeddings": False,
         "partial_rotary_factor": 0.4, "max_position_embeddings": 2048}, 2_779_683_840),
    "microsoft/Phi-3-mini-4k-instruct": (
        {"model_type": "phi3", "hidden_size": 3072, "intermediate_size": 8192, "num_hidden_layers": 32,
         "num_attention_heads": 32, "num_key_value_heads": 32, "vocab_size": 32064, "tie_word_embeddings": False,
         "pad_token_id": 32000, "max_position_embeddings": 4096}, 3_821_079_552),
    "allenai/OLMo-2-1124-7B": (
        {"model_type": "olmo2", "hidden_size": 4096, "intermediate_size": 11008, "num_hidden_layers": 32,
         "num_attention_heads": 32, "num_key_value_heads": 32, "vocab_size": 100352, "tie_word_embeddings": False,
         "attention_bias": False, "pad_token_id": 100277, "max_position_embeddings": 4096}, 7_298_617_344),
    "HuggingFaceTB/SmolLM3-3B": (
        {"model_type": "smollm3", "hidden_size": 2048, "intermediate_size": 11008, "num_hidden_layers": 36,
         "num_attention_heads": 16, "num_key_value_heads": 4, "vocab_size": 128256, "tie_word_embeddings": True,
         "attention_bias": False, "mlp_bias": False, "max_position_embeddings": 65536}, 3_075_098_624),
    "mistralai/Mixtral-8x7B-v0.1": (
        {"model_type": "mixtral", "hidden_size": 4096, "intermediate_size": 14336, "num_hidden_layers": 32,
         "num_attention_heads": 32, "num_key_value_heads": 8, "vocab_size": 32000, "tie_word_embeddings": False,
         "num_local_experts": 8, "num_experts_per_tok": 2, "max_position_embeddings": 32768}, 46_702_792_704),
    "Qwen/Qwen3-30B-A3B-Base": (
        {"model_type": "qwen3_moe", "hidden_size": 2048, "intermediate_size": 6144, "num_hidden_layers": 48,
         "num_attention_heads": 32, "num_key_value_heads": 4, "head_dim": 128, "vocab_size": 151936,
         "tie_word_embeddings": False, "attention_bias": False, "num_experts": 128, "num_experts_per_tok": 8,
         "moe_intermediate_size": 768, "decoder_sparse_step": 1, "mlp_only_layers": [],
         "max_position_embeddings": 32768}, 30_532_122_624),
    "Qwen/Qwen1.5-MoE-A2.7B": (
        {"model_type": "qwen2_moe", "hidden_size": 2048, "intermediate_size": 5632, "num_hidden_layers": 24,
         "num_attention_heads": 16, "num_key_value_heads": 16, "vocab_size": 151936, "tie_word_embeddings": False,
         "num_experts": 60, "num_experts_per_tok": 4, "moe_intermediate_size": 1408,
         "shared_expert_intermediate_size": 5632, "decoder_sparse_step": 1, "max_position_embeddings": 8192},
        14_315_784_192),
}  # fmt: skip
