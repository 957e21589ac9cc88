"""The script of the model behind all roles: one tool where a role has one, then an answer of ordinary length."""

from __future__ import annotations

import re

from agents.minds.scripted import Call, Conversation, Reply

STRATEGIES = ("sft", "lora", "grpo")
SCRIPT = '''"""Supervised fine-tuning with a cosine schedule: python train.py --config config.yaml"""

from dataclasses import dataclass

from datasets import load_dataset
from transformers import AutoModelForCausalLM, AutoTokenizer
from trl import SFTConfig, SFTTrainer, TrlParser


@dataclass
class Arguments:
    model_name_or_path: str
    dataset_name: str


def main() -> None:
    arguments, config = TrlParser((Arguments, SFTConfig)).parse_args_and_config()
    tokenizer = AutoTokenizer.from_pretrained(arguments.model_name_or_path)
    model = AutoModelForCausalLM.from_pretrained(arguments.model_name_or_path)
    rows = load_dataset("json", data_files=arguments.dataset_name, split="train")
    trainer = SFTTrainer(model=model, args=config, train_dataset=rows, processing_class=tokenizer)
    trainer.train()
    trainer.save_model(config.output_dir)
    tokenizer.save_pretrained(config.output_dir)


if __name__ == "__main__":
    main()
'''


def reply(talk: Conversation) -> Reply:
    fields = talk.tools["submit"]["properties"]
    for name, answer in (
        ("techniques", _review),
        ("hypothesis", _propose),
        ("order", _schedule),
        ("verdict", _judge),
        ("remedy", _diagnose),
    ):
        if name in fields:
            return answer(talk)
    return Call("submit", {"text": "It trains a hundredth of the weights, and lost 0.02 against full tuning."})


def _review(talk: Conversation) -> Reply:
    if not talk.results:
        return Call("search_knowledge", {"query": "supervised fine-tuning on short answers", "limit": 12})
    found = re.findall(r"^([\w-]+) \[(\w+)\] ([^:]+): (.+)$", talk.results[0], re.MULTILINE)
    techniques = [
        {"id": id, "name": name, "strategy": strategy, "summary": summary, "why": "the answers are short and given"}
        for id, strategy, name, summary in found
    ]
    return Call("submit", {"summary": "Answers are given: fine-tune, then practise.", "techniques": techniques})


def _propose(talk: Conversation) -> Reply:
    """A script of its own, with numbers of the moment."""
    if not talk.results:
        return Call("show_script", {"name": "sft.py"})
    number = len(re.findall(r"experiments, ", talk.question)) + _tried(talk)
    strategy = STRATEGIES[number % len(STRATEGIES)]
    numbers = {"learning_rate": 1e-4 + 1e-6 * number, "max_steps": 400 + number, "warmup_steps": 20, "seed": number}
    hypothesis = f"The loss was still falling: {400 + number} steps at {numbers['learning_rate']:.2e} gain 0.01 on dev"
    script = {"text": SCRIPT, "numbers": numbers, "seconds": 60.0}
    return Call("submit", {"strategy": strategy, "hypothesis": hypothesis, "script": script})


def _tried(talk: Conversation) -> int:
    """Experiments so far, as the digest counts them by strategy."""
    return sum(int(count) for count in re.findall(r"^Strategy \w+: (\d+) experiments", talk.question, re.MULTILINE))


def _schedule(talk: Conversation) -> Reply:
    proposals = talk.question.partition("# Proposals")[2]
    return Call("submit", {"order": re.findall(r"^- ([\w-]+) \[", proposals, re.MULTILINE)})


def _judge(talk: Conversation) -> Reply:
    answer = {
        "verdict": "promote",
        "reason": "It wins 60 items and loses 8 of 500.",
        "next": "exploit",
    }
    return Call("submit", answer | {"next_reason": "its loss was still falling when its time was over"})


def _diagnose(talk: Conversation) -> Reply:
    return Call("submit", {"remedy": None, "words": "Its first step did not fit; a smaller batch is next."})
