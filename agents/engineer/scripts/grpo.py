"""Group relative policy optimisation with TRL: the task's own metric is the reward.

    python grpo.py --config config.yaml
    python grpo.py --config config.yaml --num_generations 16 --beta 0.04

GRPO (Shao et al. 2024, arXiv:2402.03300). `dataset_name` is a JSONL file whose rows have `prompt`, `answer` and `row`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

TRAINER_WEIGHTS = 4
"""The trainer's own copy of the weights, their gradients, and AdamW's two moments, in the precision of the weights."""
CACHE_SHARE = 0.3
"""Of the GPU memory that is then left for vLLM's keys and values: activations take the rest."""


@dataclass
class CrewArguments:
    """What the crew adds to TRL's arguments."""

    metric: str = "exact_match"
    metric_folder: str = "."
    """Folder that a metric of the task's own is loaded from."""
    stop: list[str] = field(default_factory=lambda: ["\n"])
    """A completion ends before the first of these, as in scoring."""
    train_seconds: float = 0.0
    """Train for so long; 0: for `max_steps`, under TRL's own schedule."""
    warmup_share: float = 0.05


def main(script_args: Any, crew_args: CrewArguments, training_args: Any, model_args: Any) -> None:
    import json
    from pathlib import Path

    from datasets import Dataset
    from seconds_schedule import SecondsSchedule
    from transformers import AutoTokenizer, set_seed
    from transformers.trainer_utils import get_last_checkpoint
    from trl import GRPOTrainer, get_peft_config

    set_seed(training_args.seed)
    with Path(script_args.dataset_name).open() as lines:
        rows = [
            {"prompt": row["prompt"], "answer": row["answer"], "row": json.dumps(row["row"])}
            for row in map(json.loads, lines)
        ]
    callbacks = []
    if crew_args.train_seconds:
        callbacks.append(SecondsSchedule(crew_args.train_seconds, training_args.learning_rate, crew_args.warmup_share))
    plan_generation(training_args, model_args.model_name_or_path)
    trainer = GRPOTrainer(
        model=model_args.model_name_or_path,
        processing_class=AutoTokenizer.from_pretrained(model_args.model_name_or_path, padding_side="left"),
        reward_funcs=[reward_function(crew_args)],
        args=training_args,
        train_dataset=Dataset.from_list(rows),
        peft_config=get_peft_config(model_args),
        callbacks=callbacks,
    )
    Path(training_args.output_dir).mkdir(parents=True, exist_ok=True)  # else the first of several processes alone does
    trainer.train(resume_from_checkpoint=get_last_checkpoint(training_args.output_dir))
    if model_args.use_peft:
        trainer.model = trainer.model.merge_and_unload()
    trainer.save_model(training_args.output_dir)


def plan_generation(training_args: Any, model_name: str) -> None:
    """vLLM beside the trainer on the same GPU (https://huggingface.co/docs/trl/vllm_integration), where it is asked
    for, installed, and has room; else TRL generates by transformers."""
    from pathlib import Path

    import torch
    from vllm_engine import engine, installed, memory_share, weights_bytes

    share = None
    if training_args.use_vllm and engine(installed(), torch.cuda.is_available()) == "vllm":
        free, total = torch.cuda.mem_get_info()
        weights = weights_bytes(Path(model_name))
        share = memory_share(total, free, weights, reserved=TRAINER_WEIGHTS * weights, cache=CACHE_SHARE)
    training_args.use_vllm = share is not None
    if share is not None:
        training_args.vllm_gpu_memory_utilization = share


def reward_function(crew_args: CrewArguments) -> Callable[..., list[float]]:
    """The task's metric on each completion, cut where scoring cuts it; 0 where the metric fails on an odd one."""
    import json
    from pathlib import Path

    from metric import cut, load, tolerant

    metric = tolerant(load(crew_args.metric, Path(crew_args.metric_folder)))

    def reward(completions: list[str], answer: list[str], row: list[str], **_: Any) -> list[float]:
        return [
            metric(cut(completion, crew_args.stop), expected, json.loads(columns))
            for completion, expected, columns in zip(completions, answer, row, strict=True)
        ]

    return reward


if __name__ == "__main__":
    from trl import GRPOConfig, ModelConfig, ScriptArguments, TrlParser

    main(*TrlParser((ScriptArguments, CrewArguments, GRPOConfig, ModelConfig)).parse_args_and_config())
