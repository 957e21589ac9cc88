"""Whether the configuration beside trained weights names code, or files elsewhere, or a size that they have not.

Called by `trained_model`. What is refused here would be followed by transformers (5.23) when it loads the folder:

- `auto_map`, `custom_*`: Python of the model's own (`trust_remote_code`);
- `attn_implementation: org/repo`: a kernel, which is code, from the Hub;
- `adapter_config.json`: the weights of another model, named by path or Hub id;
- `vocab_file: /elsewhere` and its like in `tokenizer_config.json`: any file, read as a vocabulary, from where a model
  can learn to say it: the test split, for one.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

_CONFIGURATION = re.compile(r"\w*config\.json|special_tokens_map\.json|added_tokens\.json|chat_template\.json")
"""What transformers follows; a job may leave other JSON beside it."""
_ADAPTER = "adapter_config.json"
_CODE = re.compile(r"auto_map|custom_pipelines|custom_generate|transformers_weights|base_model_name_or_path")
_FILE = re.compile(r"\w*(?:file|files|path|paths|dir|directory|folder)")
_OWN_NAME = ("_name_or_path", "name_or_path")
"""Where it was loaded from, by its own account; it is overwritten by where it is loaded from."""
_KERNEL = re.compile(r"_?\w*implementation\w*|\w*kernel\w*")
_QUANTIZED = ("bitsandbytes",)
"""What a job here can train on; the loaders of other methods bring modules of their own."""
_DEEPEST = 20
_PACKED = 8
"""Parameters that one element of a quantized tensor may hold."""
_WIDTHS = ("vocab_size", "intermediate_size", "ffn_dim", "n_inner", "head_dim", "num_attention_heads", "num_experts")


def what_is_wrong_with(name: str, content: Any, tensors: dict[str, int] | None = None) -> str | None:
    """None, or what is wrong, in words that follow the file's name. `tensors`: name → elements of the weights.

    Raises `ValueError` when it is nested too deep.
    """
    if name == _ADAPTER:
        return "makes it an adapter of another model: merge it (`merge_and_unload`) before it is saved"
    if not isinstance(content, dict):
        return "is no JSON object"
    for key, value in _pairs(content):
        wrong = _what_is_wrong_at(key, value)
        if wrong is not None:
            return wrong
    method = _quantization(content)
    if method is not None and method not in _QUANTIZED:
        return f"asks for quantization by {method!r}: save the weights in full, or by {' or '.join(_QUANTIZED)}"
    return _too_large(content, tensors) if tensors is not None else None


def is_configuration(name: str) -> bool:
    """Whether the file of this name is to be asked about."""
    return _CONFIGURATION.fullmatch(name) is not None


def _pairs(value: Any, key: str = "", depth: int = 0) -> Iterator[tuple[str, object]]:
    """Each key with what stands under it, lists laid open."""
    if depth > _DEEPEST:
        raise ValueError(f"nested more than {_DEEPEST} deep")
    if isinstance(value, dict):
        yield key, value
        for inner, said in value.items():
            within = key if _KERNEL.fullmatch(key) else str(inner)  # an implementation may be named for each part
            yield from _pairs(said, within, depth + 1)
    elif isinstance(value, list):
        for said in value:
            yield from _pairs(said, key, depth + 1)
    else:
        yield key, value


def _what_is_wrong_at(key: str, value: object) -> str | None:
    if key in _OWN_NAME:
        return None
    if _CODE.fullmatch(key) and value not in (None, False):
        return f"names code or weights of its own under `{key}`: a trained model consists of those of its library"
    if not isinstance(value, str):
        return None
    if _FILE.fullmatch(key) and _elsewhere(value):
        return f"names a file elsewhere: `{key}: {value[:100]}`"
    if _KERNEL.fullmatch(key) and "/" in value:
        return f"names code from the Hub: `{key}: {value[:100]}`"
    return None


def _elsewhere(value: str) -> bool:
    return "/" in value or "\\" in value or value.startswith("~")


def _quantization(content: dict[str, Any]) -> str | None:
    said = content.get("quantization_config") or content.get("compression_config")
    if said is None:
        return None
    return str(said.get("quant_method", "unknown")) if isinstance(said, dict) else "unknown"


def _too_large(config: dict[str, Any], tensors: dict[str, int]) -> str | None:
    """A model is made as its configuration says before its weights are read: of a size that they do not have it would
    take all memory there is."""
    parameters = _PACKED * sum(tensors.values())
    text = config.get("text_config") if isinstance(config.get("text_config"), dict) else config
    assert isinstance(text, dict)
    wide, layers = _number(text, "hidden_size", "n_embd", "d_model"), _number(text, "num_hidden_layers", "n_layer")
    for other in _WIDTHS:
        if wide * _number(text, other) > parameters:
            return f"promises {wide:,} × {_number(text, other):,} parameters ({other}), which the weights do not hold"
    if layers > len(tensors):
        return f"promises {layers:,} layers, the weights hold {len(tensors):,} tensors"
    return None


def _number(config: dict[str, Any], *names: str) -> int:
    return next((value for name in names if isinstance(value := config.get(name), int)), 0)
