"""The folder of a model of Qwen3-1.7B's size, by its configuration, with a tokenizer and without weights."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

TINY = Path(__file__).parents[4] / "examples" / "tiny" / "model"
QWEN3 = {
    "architectures": ["Qwen3ForCausalLM"],
    "model_type": "qwen3",
    "vocab_size": 151936,
    "hidden_size": 2048,
    "intermediate_size": 6144,
    "num_hidden_layers": 28,
    "num_attention_heads": 16,
    "num_key_value_heads": 8,
    "head_dim": 128,
    "max_position_embeddings": 32768,
    "tie_word_embeddings": True,
}
"""https://huggingface.co/Qwen/Qwen3-1.7B-Base/blob/main/config.json"""
TEMPLATE = "{% for message in messages %}{{ message['content'] }}{% endfor %}"


def make(folder: Path, **changes: object) -> Path:
    folder.mkdir(parents=True)
    (folder / "config.json").write_text(json.dumps(QWEN3 | changes))
    for name in ("tokenizer.json", "tokenizer_config.json", "generation_config.json"):
        shutil.copyfile(TINY / name, folder / name)
    (folder / "chat_template.jinja").write_text(TEMPLATE)
    (folder / "model.safetensors.index.json").write_text('{"weight_map": {}}')
    return folder
