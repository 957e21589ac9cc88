"""A large base model made small for the trial: the same class, tokenizer, vocabulary and chat template, few narrow
layers, random weights. In the trial's sandbox: two steps of an 8 B model on a CPU take an hour and 100 GB.
"""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

FOLDER = "preflight_model"
LARGE = 5e8
"""Parameters from which on a model is not tried as it is."""
LAYERS, WIDTH, INNER, HEADS, EXPERTS, CHOSEN = 2, 64, 128, 2, 4, 2
_LAYER_KINDS = ("layer_types", "mlp_layer_types")
_WEIGHTS = (".safetensors", ".bin", ".pt", ".pth", ".gguf", ".h5", ".msgpack", ".index.json")
MOST_BYTES = 1 << 26
"""Of a file that goes with the tokenizer; a larger one is none of its."""


class CannotShrink(Exception):
    """A large model of a kind that cannot be made small."""


def shrink(name: str, folder: Path) -> str | None:
    """Write a small model of the kind of `name`, a path or Hub id, to `folder`, and say what was done.

    None, and nothing written, for a model that is small as it is, or whose size cannot be told. Raises `CannotShrink`.
    """
    from transformers import AutoConfig

    try:
        config = AutoConfig.from_pretrained(name, trust_remote_code=False)
        parameters = _parameters(config)
    except Exception:  # an unknown kind of model: the script meets it itself, and says so better
        return None
    if parameters <= LARGE:
        return None
    try:
        _make(config, folder)
        _copy_beside(_where(name), folder)
    except Exception as error:
        raise CannotShrink(
            f"the model at {name} has {parameters / 1e9:.1f} B parameters, too many for a trial, and no small one of "
            f"its kind could be made ({type(error).__name__}: {error})"
        ) from error
    return (
        f"tried with a small model in place of {name} ({parameters / 1e9:.1f} B parameters): {LAYERS} layers, random "
        "weights, its own tokenizer, vocabulary and chat template"
    )


def _parameters(config: Any) -> int:
    """Counted on a model without storage."""
    import torch

    with torch.device("meta"):
        return sum(one.numel() for one in _class(config)._from_config(config).parameters())


def _class(config: Any) -> Any:
    """The model class that the configuration names, else the one for its kind."""
    import transformers

    named = [getattr(transformers, name, None) for name in config.architectures or ()]
    found = next((one for one in named if one is not None), None)
    return found or transformers.AutoModelForCausalLM._model_mapping[type(config)]


def _make(config: Any, folder: Path) -> None:
    import torch

    small = _narrow(config)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        model = _class(small)._from_config(small, dtype=torch.float32)
    model.save_pretrained(folder)


def _narrow(config: Any) -> Any:
    """The same configuration of two narrow layers; heads keep their width, on which position encodings depend."""
    told = config.to_dict()
    own_width = getattr(config, "head_dim", None)
    heads = config.num_attention_heads
    grouped = getattr(config, "num_key_value_heads", None) or heads
    changes: dict[str, Any] = {
        "num_hidden_layers": LAYERS,
        "hidden_size": WIDTH if own_width else HEADS * (config.hidden_size // heads),
        "intermediate_size": INNER,
        "num_attention_heads": HEADS,
        "num_key_value_heads": HEADS if grouped == heads else 1,
        "moe_intermediate_size": INNER,
        "shared_expert_intermediate_size": INNER,
        "num_experts": EXPERTS,
        "num_local_experts": EXPERTS,
        "n_routed_experts": EXPERTS,
        "num_experts_per_tok": CHOSEN,
        "n_group": 1,
        "topk_group": 1,
        "first_k_dense_replace": 1,
    }
    for name, value in changes.items():
        key = config.attribute_map.get(name, name)
        if told.get(key) is not None:
            told[key] = value
    for key in _LAYER_KINDS:
        if told.get(key):
            told[key] = _of_each_kind(told[key])
    if told.get("quantization_config") is not None:
        del told["quantization_config"]
    return type(config).from_dict(told)


def _of_each_kind(layers: list[str]) -> list[str]:
    """Two of them, of two kinds where there are two."""
    kinds = list(dict.fromkeys(layers))[:LAYERS]
    return (kinds * LAYERS)[:LAYERS]


def _where(name: str) -> Path:
    """The model's folder; of a Hub id the copy in the cache, since a trial has no network."""
    if Path(name).is_dir():
        return Path(name)
    from huggingface_hub import snapshot_download

    return Path(snapshot_download(name, local_files_only=True))


def _copy_beside(source: Path, folder: Path) -> None:
    """All but weights and configuration: tokenizer, chat template, how it generates."""
    for path in sorted(source.iterdir()):
        if path.name == "config.json" or path.name.endswith(_WEIGHTS) or not path.is_file():
            continue
        if path.stat().st_size <= MOST_BYTES:
            shutil.copyfile(path, folder / path.name)
