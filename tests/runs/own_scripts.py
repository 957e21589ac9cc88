"""What the scripted Engineer writes: two training scripts of its own, and the first one with a mistake."""

from __future__ import annotations

SFT = '''"""Fine-tuning on the answers, by TRL's own tokenisation."""

import json
from dataclasses import dataclass
from pathlib import Path

from datasets import Dataset
from transformers import AutoTokenizer
from trl import ModelConfig, ScriptArguments, SFTConfig, SFTTrainer, TrlParser


@dataclass
class CrewArguments:
    train_seconds: float = 0.0


script_args, crew_args, training_args, model_args = TrlParser(
    (ScriptArguments, CrewArguments, SFTConfig, ModelConfig)
).parse_args_and_config()
rows = [json.loads(line) for line in Path(script_args.dataset_name).open()]
pairs = Dataset.from_list([{"prompt": row["prompt"], "completion": row["completion"]} for row in rows])
trainer = SFTTrainer(
    model=model_args.model_name_or_path,
    args=training_args,
    train_dataset=pairs,
    processing_class=AutoTokenizer.from_pretrained(model_args.model_name_or_path),
)
trainer.train()
trainer.save_model(training_args.output_dir)
'''
WITH_A_MISTAKE = SFT.replace("processing_class=", "tokenizer=")
"""As TRL was some versions ago."""
SAID_OF_IT = "SFTTrainer takes no `tokenizer`"

GRPO = '''"""Practice: the task's own metric is the reward."""

import json
from dataclasses import dataclass, field
from pathlib import Path

from datasets import Dataset
from metric import cut, load, tolerant
from transformers import AutoTokenizer
from trl import GRPOConfig, GRPOTrainer, ModelConfig, ScriptArguments, TrlParser


@dataclass
class CrewArguments:
    metric: str = "exact_match"
    metric_folder: str = "."
    stop: list[str] = field(default_factory=list)


script_args, crew_args, training_args, model_args = TrlParser(
    (ScriptArguments, CrewArguments, GRPOConfig, ModelConfig)
).parse_args_and_config()
metric = tolerant(load(crew_args.metric, Path(crew_args.metric_folder)))


def reward(completions, answer, row, **_):
    return [
        metric(cut(completion, crew_args.stop), expected, json.loads(columns))
        for completion, expected, columns in zip(completions, answer, row)
    ]


rows = [json.loads(line) for line in Path(script_args.dataset_name).open()]
questions = [{"prompt": one["prompt"], "answer": one["answer"], "row": json.dumps(one["row"])} for one in rows]
trainer = GRPOTrainer(
    model=model_args.model_name_or_path,
    processing_class=AutoTokenizer.from_pretrained(model_args.model_name_or_path, padding_side="left"),
    reward_funcs=[reward],
    args=training_args,
    train_dataset=Dataset.from_list(questions),
)
trainer.train()
trainer.save_model(training_args.output_dir)
'''
SFT_NUMBERS = {"learning_rate": 1.5e-3, "per_device_train_batch_size": 16, "max_steps": 30}
GRPO_NUMBERS = {
    "learning_rate": 1e-4,
    "per_device_train_batch_size": 32,
    "num_generations": 8,
    "beta": 0.0,
    "max_steps": 8,
}
