"""Supervised fine-tuning on prompt-completion pairs with TRL, for a number of seconds or of steps.

    python sft.py --config config.yaml
    python sft.py --config config.yaml --learning_rate 1e-3 --train_seconds 60
    python sft.py --config config.yaml --use_peft --lora_r 16 --lora_alpha 32

`dataset_name` is a JSONL file whose rows have `prompt` and `completion`. With LoRA the adapter is merged in the end.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass
class CrewArguments:
    """What the crew adds to TRL's arguments."""

    train_seconds: float = 0.0
    """Train for so long; 0: for `max_steps`, under TRL's own schedule."""
    warmup_share: float = 0.05
    """Of the time, when `train_seconds` is given."""


def main(script_args: Any, crew_args: CrewArguments, training_args: Any, model_args: Any) -> None:
    import json
    from pathlib import Path

    from pairs import tokenized
    from seconds_schedule import SecondsSchedule
    from transformers import AutoTokenizer, set_seed
    from transformers.trainer_utils import get_last_checkpoint
    from trl import SFTTrainer, get_peft_config

    set_seed(training_args.seed)
    with Path(script_args.dataset_name).open() as lines:
        rows = list(map(json.loads, lines))
    tokenizer = AutoTokenizer.from_pretrained(model_args.model_name_or_path)

    callbacks = []
    if crew_args.train_seconds:
        callbacks.append(SecondsSchedule(crew_args.train_seconds, training_args.learning_rate, crew_args.warmup_share))
    trainer = SFTTrainer(
        model=model_args.model_name_or_path,
        args=training_args,
        train_dataset=tokenized(rows, tokenizer, training_args.max_length),
        processing_class=tokenizer,
        peft_config=get_peft_config(model_args),
        callbacks=callbacks,
    )
    Path(training_args.output_dir).mkdir(parents=True, exist_ok=True)  # else the first of several processes alone does
    trainer.train(resume_from_checkpoint=get_last_checkpoint(training_args.output_dir))
    if model_args.use_peft:
        trainer.model = trainer.model.merge_and_unload()
    trainer.save_model(training_args.output_dir)


if __name__ == "__main__":
    from trl import ModelConfig, ScriptArguments, SFTConfig, TrlParser

    main(*TrlParser((ScriptArguments, CrewArguments, SFTConfig, ModelConfig)).parse_args_and_config())
