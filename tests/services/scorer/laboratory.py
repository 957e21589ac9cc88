"""A tiny random Llama, a task whose right answers it half knows, and a scorer to ask: what the tests here share."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from protocol.brief import DataSource, EvalPlan, Source, Task
from protocol.bus import Answer, Bus
from protocol.critique import Check, Verdict
from protocol.envelope import Envelope, wrap
from protocol.journal import Journal
from protocol.message import Message
from protocol.score import Decoding, EvalReady, PrepareEval, Score, Scored, ScoreRequest, Shipped, ShipRequest
from services.run_folder import RunFolder

ALPHABET = "abcdefghijklmnopqrstuvwxyz0123456789 =+-.:"
GREEDY = Decoding(max_new_tokens=6, stop=("\n", "q"))
ROWS = {"dev": 40, "test": 40, "train": 60}


def build_tokenizer() -> Any:
    """One token a character."""
    from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    words = ["<pad>", "<eos>", "<unk>", "\n", *ALPHABET]
    tokenizer = Tokenizer(models.WordLevel({word: number for number, word in enumerate(words)}, unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.Split(Regex(r"[\s\S]"), "isolated")
    tokenizer.decoder = decoders.Fuse()
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, pad_token="<pad>", eos_token="<eos>", unk_token="<unk>", model_max_length=128
    )


def build_model(folder: Path, seed: int = 0, poison: float | None = None) -> Path:
    """Random weights, wide enough to make its answers differ."""
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    torch.manual_seed(seed)
    tokenizer = build_tokenizer()
    config = LlamaConfig(
        vocab_size=len(tokenizer), hidden_size=32, intermediate_size=64, num_hidden_layers=2, num_attention_heads=4,
        max_position_embeddings=128, pad_token_id=0, bos_token_id=None, eos_token_id=1, initializer_range=0.4,
    )  # fmt: skip
    model = LlamaForCausalLM(config)
    if poison is not None:
        with torch.no_grad():
            model.model.layers[1].mlp.up_proj.weight[3, 3] = poison
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def one_by_one(folder: Path, prompts: list[str], decoding: Decoding = GREEDY) -> list[str]:
    """The model's greedy answers without batches or padding, by plain transformers."""
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    tokenizer, model = AutoTokenizer.from_pretrained(folder), AutoModelForCausalLM.from_pretrained(folder)
    answers = []
    for prompt in prompts:
        given = tokenizer(prompt, return_tensors="pt", return_token_type_ids=False)
        with torch.inference_mode():
            made = model.generate(**given, do_sample=False, max_new_tokens=decoding.max_new_tokens)
        text = tokenizer.decode(made[0, given["input_ids"].shape[1] :], skip_special_tokens=True)
        answers.append(min((text.split(mark)[0] for mark in decoding.stop), key=len))
    return answers


def questions(split: str) -> list[str]:
    """Prompts of different lengths, different in every split."""
    return [f"{split} {number * 7919 % 1000} {'z' * (number % 9)}" for number in range(ROWS[split])]


def write_task(folder: Path, model: Path) -> Task:
    """Files of a task in which every second right answer is what `model` says, and the others are not."""
    folder.mkdir(parents=True)
    write_rows(folder, model)
    return Task(
        name="tiny", goal="say what it says", base_model=str(model), prompt="{question} =", answer="{answer}",
        data=(DataSource(name="train", file="train.jsonl"),),
        eval=EvalPlan(dev=Source(file="dev.jsonl"), test=Source(file="test.jsonl")),
    )  # fmt: skip


def write_rows(folder: Path, model: Path, prefix: str = "") -> None:
    """The files, where `model` is asked with `prefix` before each prompt."""
    for split in ROWS:
        asked = questions(split)
        prompts = [f"{prefix}{question} =" for question in asked]
        said = one_by_one(model, prompts) if split != "train" else [f"x{n}" for n in range(len(asked))]
        rows = [
            {"question": question, "answer": answer if number % 2 else f"not {answer}", "secret": f"{split}row{number}"}
            for number, (question, answer) in enumerate(zip(asked, said, strict=True))
        ]
        (folder / f"{split}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))


@dataclass
class Laboratory:
    """A run whose scorer can be asked."""

    bus: Bus
    task: Task
    task_folder: Path
    folder: RunFolder
    model: Path
    asked: int = 0

    @property
    def run(self) -> str:
        return self.folder.id

    @property
    def journal(self) -> Journal:
        return Journal(self.bus, self.run)

    async def ask(self, message: Message, expect: type[Answer], timeout: float = 60) -> Answer:
        self.asked += 1
        question = wrap(message, run=self.run, sender="graph", recipient="scorer", id=f"q{self.asked}")
        answer: Envelope = await self.bus.ask(question, expect, timeout=timeout)
        assert isinstance(answer.data, expect)
        return answer.data

    async def prepare(self, task: Task | None = None) -> EvalReady:
        request = PrepareEval(task=task or self.task, folder=str(self.folder.root), task_folder=str(self.task_folder))
        return await self.ask(request, EvalReady)

    async def score(self, candidate: str = "base", model: Path | None = None, **more: Any) -> Scored:
        more = {"decoding": GREEDY} | more
        return await self.ask(ScoreRequest(candidate=candidate, model=str(model or self.model), **more), Scored)

    async def admit(self, candidate: str, admitted: bool = True) -> str:
        """Puts a verdict into the journal; its message's id."""
        verdict = Verdict(
            candidate=candidate, incumbent=None, admitted=admitted, score=Score(value=0.5, low=0.4, high=0.6, n=40),
            noise_floor=0.01, checks=(Check(name="loads", passed=True, figure="yes"),),
        )  # fmt: skip
        envelope = wrap(verdict, run=self.run, sender="gate")
        await self.journal.append(envelope)
        return envelope.id

    async def ship(self, scored: Scored, verdict: str | None = None, **more: Any) -> Shipped:
        request = ShipRequest(
            candidate=scored.candidate, model=scored.model, model_sha256=scored.model_sha256,
            decoding=scored.decoding, verdict=verdict or await self.admit(scored.candidate),
        )  # fmt: skip
        return await self.ask(request.model_copy(update=more), Shipped)

    async def test(self, candidate: str = "base") -> Scored:
        return await self.score(candidate, self.folder.final_model, split="test")
