"""Rejection sampling fine-tuning: sample answers, keep those that the task's metric finds right, train on them.

    python rejection_sampling.py --config config.yaml
    python rejection_sampling.py --config config.yaml --samples 8 --temperature 1.0

RFT (Yuan et al. 2023, arXiv:2308.01825), STaR (Zelikman et al. 2022, arXiv:2203.14465). A third of the time goes into
sampling, the rest into SFT on what was kept together with the given pairs. Several processes share the prompts.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

SAMPLING_SHARE = 0.33


@dataclass
class CrewArguments:
    """What the crew adds to TRL's arguments."""

    metric: str = "exact_match"
    metric_folder: str = "."
    stop: list[str] = field(default_factory=lambda: ["\n"])
    samples: int = 4
    """Answers sampled for each prompt."""
    temperature: float = 0.8
    max_new_tokens: int = 32
    keep_given: bool = True
    """Train on the given pairs too, beside the model's own right answers."""
    train_seconds: float = 60.0
    warmup_share: float = 0.05


def main(script_args: Any, crew_args: CrewArguments, training_args: Any, model_args: Any) -> None:
    import json
    from pathlib import Path

    from accelerate import PartialState
    from accelerate.utils import gather_object
    from pairs import tokenized
    from seconds_schedule import SecondsSchedule
    from transformers import AutoTokenizer, set_seed
    from transformers.trainer_utils import get_last_checkpoint
    from trl import SFTTrainer

    set_seed(training_args.seed)
    with Path(script_args.dataset_name).open() as lines:
        given = list(map(json.loads, lines))
    kept_file = Path(training_args.output_dir) / "accepted.jsonl"
    processes = PartialState()
    if not kept_file.exists():  # a job that goes on from a checkpoint has sampled already
        mine = given[processes.process_index :: processes.num_processes]
        kept = gather_object(_sample(mine, crew_args, model_args.model_name_or_path))
        if processes.is_main_process:
            kept_file.parent.mkdir(parents=True, exist_ok=True)
            part = kept_file.with_suffix(".part")  # half a file would look like few right answers
            part.write_text("".join(json.dumps(row) + "\n" for row in kept))
            part.replace(kept_file)
    processes.wait_for_everyone()
    rows = list(map(json.loads, kept_file.read_text().splitlines()))
    if crew_args.keep_given or not rows:
        rows += given

    tokenizer = AutoTokenizer.from_pretrained(model_args.model_name_or_path)
    seconds = crew_args.train_seconds * (1 - SAMPLING_SHARE)
    trainer = SFTTrainer(
        model=model_args.model_name_or_path,
        args=training_args,
        train_dataset=tokenized(rows, tokenizer, training_args.max_length),
        processing_class=tokenizer,
        callbacks=[SecondsSchedule(seconds, training_args.learning_rate, crew_args.warmup_share)],
    )
    Path(training_args.output_dir).mkdir(parents=True, exist_ok=True)  # else the first of several processes alone does
    trainer.train(resume_from_checkpoint=get_last_checkpoint(training_args.output_dir))
    trainer.save_model(training_args.output_dir)


def _sample(given: list[dict[str, Any]], crew_args: CrewArguments, model_name: str) -> list[dict[str, str]]:
    """Right answers that the model finds by itself, each once a prompt, until the share of time is over."""
    import time

    from sampling import Sampling, sampler

    right = acceptance(crew_args)
    how = Sampling(crew_args.samples, crew_args.temperature, crew_args.max_new_tokens, crew_args.stop)
    deadline = time.monotonic() + SAMPLING_SHARE * crew_args.train_seconds
    kept: dict[tuple[str, str], None] = {}
    source = sampler(model_name, [row["prompt"] for row in given], how)
    for start in range(0, len(given), source.at_once):
        if time.monotonic() > deadline:
            break
        batch = given[start : start + source.at_once]
        for row, texts in zip(batch, source.texts([row["prompt"] for row in batch]), strict=True):
            for text in texts:
                answer = right(text, row)
                if answer is not None:
                    kept[row["prompt"], answer] = None
    source.close()
    return [{"prompt": prompt, "completion": completion} for prompt, completion in kept]


def acceptance(crew_args: CrewArguments) -> Callable[[str, dict[str, Any]], str | None]:
    """Gives a text cut where scoring cuts it, where the task's metric finds that right; else None."""
    from pathlib import Path

    from metric import cut, load, tolerant

    metric = tolerant(load(crew_args.metric, Path(crew_args.metric_folder)))

    def right(text: str, row: dict[str, Any]) -> str | None:
        answer: str = cut(text, crew_args.stop)
        return answer if metric(answer, row["answer"], row["row"]) >= 1.0 else None

    return right


if __name__ == "__main__":
    from trl import ModelConfig, ScriptArguments, SFTConfig, TrlParser

    main(*TrlParser((ScriptArguments, CrewArguments, SFTConfig, ModelConfig)).parse_args_and_config())
