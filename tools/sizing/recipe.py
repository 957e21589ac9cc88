"""What a job's config.yaml, in TRL's names, asks of a GPU: its `Training` and `Setup`. Pure.

Called with the configs of the crew's own scripts, before a job is queued and by the dry run.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tools.sizing.training import Objective, Optimizer, Setup, Training, Update

EIGHT_BIT = ("adamw_bnb_8bit", "adamw_8bit", "paged_adamw_8bit")
TRAINER_BATCH = 8
"""`per_device_train_batch_size` where nothing is said (transformers.TrainingArguments)."""


def training_of(config: Mapping[str, Any], prompt_tokens: int, gpus: int = 1) -> Training:
    """`prompt_tokens`: of the longest prompt, for scripts that generate."""
    objective = _objective(config)
    completion = int(config.get("max_completion_length") or 0) if objective == "grpo" else 0
    sequence = prompt_tokens + completion if completion else int(config.get("max_length") or prompt_tokens)
    dtype = config.get("dtype")
    return Training(
        objective=objective,
        update=_update(config),
        dtype=dtype if dtype in ("bfloat16", "float16") else "float32",
        optimizer=_optimizer(config),
        rank=int(config.get("lora_r") or 16),
        sequence=max(1, sequence),
        completion=completion,
        batch=gpus * batch(config) * accumulation(config),
        reference=objective == "dpo" or (objective == "grpo" and float(config.get("beta") or 0.0) > 0),
    )


def setup_of(config: Mapping[str, Any], gpus: int = 1, launch: str = "python") -> Setup:
    return Setup(
        gpus=gpus,
        sharding="none" if gpus == 1 else "fsdp" if launch == "fsdp" else "ddp",
        checkpointing=bool(config.get("gradient_checkpointing", True)),  # TRL's own default
        micro_batch=batch(config),
        accumulation=accumulation(config),
    )


def _objective(config: Mapping[str, Any]) -> Objective:
    if "num_generations" in config or "max_completion_length" in config:
        return "grpo"
    return "sft"


def _update(config: Mapping[str, Any]) -> Update:
    if not config.get("use_peft"):
        return "full"
    return "qlora" if config.get("load_in_4bit") else "lora"


def _optimizer(config: Mapping[str, Any]) -> Optimizer:
    name = config.get("optim")
    if name in EIGHT_BIT:
        return "adamw_8bit"
    return "sgd" if name == "sgd" else "adamw"


def batch(config: Mapping[str, Any]) -> int:
    """Examples that one device sees at a time."""
    return max(1, int(config.get("per_device_train_batch_size") or TRAINER_BATCH))


def accumulation(config: Mapping[str, Any]) -> int:
    return max(1, int(config.get("gradient_accumulation_steps") or 1))
