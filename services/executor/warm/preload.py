"""What every job is going to import, imported once: the reason why a forked job starts warm.

Called by the zygote before it takes its first request. Nothing here may start a thread pool (a torch operation
would: its OpenMP threads do not survive a fork, and the child would wait for them for ever) or touch CUDA (a context
cannot be used after a fork).
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Sequence
from functools import partial

MODULES = (
    "torch",
    "transformers",
    "trl",
    "datasets",
    "peft",
    "accelerate",
)
LAZY = {  # names that these packages import only when they are first asked for
    "transformers": (
        "AutoConfig",
        "AutoModelForCausalLM",
        "AutoTokenizer",
        "DataCollatorForLanguageModeling",
        "GenerationConfig",
        "HfArgumentParser",
        "LlamaForCausalLM",
        "PreTrainedTokenizerFast",
        "Qwen2ForCausalLM",
        "Qwen3ForCausalLM",
        "Trainer",
        "TrainingArguments",
    ),
    "trl": (
        "DPOConfig",
        "DPOTrainer",
        "GRPOConfig",
        "GRPOTrainer",
        "ModelConfig",
        "SFTConfig",
        "SFTTrainer",
        "ScriptArguments",
        "TrlParser",
        "get_peft_config",
        "get_quantization_config",
    ),
    "peft": ("LoraConfig", "PeftModel", "get_peft_model"),
}

SUBMODULES = (  # imported in the course of the first load_dataset, training and saving
    "datasets.packaged_modules.json.json",
    "torch.utils.serialization.config",
)


def preload(modules: Sequence[str] = MODULES) -> None:
    """Import them, and what is used of them. Raises `ImportError` for one that is not installed."""
    for name in modules:
        importlib.import_module(name)
    if "transformers" in modules:
        importlib.import_module("services.executor.job.callback")
    for package in LAZY.keys() & set(modules):
        for name in LAZY[package]:
            _try(partial(getattr, sys.modules[package], name), f"{package}.{name}")
    for name in SUBMODULES:
        if name.partition(".")[0] in modules:
            _try(partial(importlib.import_module, name), name)


def _try(load: Callable[[], object], name: str) -> None:
    """What this version of a library does not have only makes the job colder that asks for it."""
    try:
        load()
    except (AttributeError, ImportError, RuntimeError) as error:  # RuntimeError: how transformers wraps the others
        print(f"not preloaded: {name} ({error})", file=sys.stderr)
