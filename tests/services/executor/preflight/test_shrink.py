"""A large base model is tried as a small one of its kind; a small one as it is."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import large_model
import pytest

from services.executor.preflight.shrink import FOLDER, CannotShrink, shrink
from services.executor.preflight.small import SHORT, make_short


def test_a_large_model_becomes_a_small_one_of_its_kind(tmp_path: Path) -> None:
    from transformers import AutoModelForCausalLM, AutoTokenizer

    large, small = large_model.make(tmp_path / "large"), tmp_path / FOLDER
    told = shrink(str(large), small)
    assert told is not None and "1.7 B parameters" in told and "2 layers, random weights" in told
    model = AutoModelForCausalLM.from_pretrained(small)
    assert type(model).__name__ == "Qwen3ForCausalLM" and model.num_parameters() < 2e7
    assert (model.config.vocab_size, model.config.num_hidden_layers, len(model.config.layer_types)) == (151936, 2, 2)
    assert model.config.head_dim == 128 and model.config.tie_word_embeddings
    left = {path.name for path in small.iterdir()}
    assert "chat_template.jinja" in left and "model.safetensors.index.json" not in left
    assert (small / "tokenizer.json").read_bytes() == (large_model.TINY / "tokenizer.json").read_bytes()
    assert AutoTokenizer.from_pretrained(small).chat_template == large_model.TEMPLATE


MIXTURE: dict[str, Any] = {
    "architectures": ["Qwen3MoeForCausalLM"],
    "model_type": "qwen3_moe",
    "num_experts": 128,
    "num_experts_per_tok": 8,
    "moe_intermediate_size": 768,
}


@pytest.mark.parametrize(
    "changes",
    [
        MIXTURE,
        {"architectures": ["LlamaForCausalLM"], "model_type": "llama", "head_dim": None},
        {
            "architectures": ["GPT2LMHeadModel"],
            "model_type": "gpt2",
            "n_layer": 48,
            "n_embd": 1600,
            "n_head": 25,
        },
        {"architectures": ["Gemma3ForCausalLM"], "model_type": "gemma3_text"},
    ],
    ids=lambda changes: changes["model_type"],
)
def test_so_do_models_of_other_kinds(tmp_path: Path, changes: dict[str, Any]) -> None:
    from transformers import AutoModelForCausalLM

    large = large_model.make(tmp_path / "large", **changes)
    assert shrink(str(large), tmp_path / FOLDER) is not None
    model = AutoModelForCausalLM.from_pretrained(tmp_path / FOLDER)
    assert type(model).__name__ == changes["architectures"][0] and model.num_parameters() < 4e7


def test_a_small_model_is_tried_as_it_is(tmp_path: Path) -> None:
    assert shrink(str(large_model.TINY), tmp_path / FOLDER) is None
    assert shrink(str(tmp_path / "nowhere"), tmp_path / FOLDER) is None
    assert not (tmp_path / FOLDER).exists()


def test_a_large_model_that_cannot_be_made_small_is_told(tmp_path: Path) -> None:
    large = large_model.make(tmp_path / "large")
    (tmp_path / "file").touch()
    with pytest.raises(CannotShrink, match=r"has 1\.7 B parameters, too many for a trial"):
        shrink(str(large), tmp_path / "file" / "nowhere")


def test_with_a_large_vocabulary_rows_are_short() -> None:
    assert make_short({"max_length": 4096, "max_steps": 2}) == {"max_length": SHORT, "max_steps": 2}
    assert make_short({"max_length": 64}) == {"max_length": 64}
    assert make_short({"max_length": None}) == {"max_length": SHORT}
