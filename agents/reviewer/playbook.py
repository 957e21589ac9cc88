"""The Reviewer without a language model: reads the base model's config and searches the bundled knowledge."""

from __future__ import annotations

import json
from pathlib import Path

from agents.reviewer.knowledge import Hit, KnowledgeEntry, search
from agents.role import Ask
from protocol.brief import Task
from protocol.experiment import STRATEGIES
from protocol.research import Citation, ModelFacts, Review, ReviewRequest, Technique

BACKGROUND = ("data", "evaluation", "tuning")
"""Families of the knowledge base that tell how to work, not what to try."""


async def review(request: ReviewRequest, ask: Ask) -> Review:
    """Techniques that fit the problem, the best of each strategy, with their citations."""
    facts = model_facts(Path(request.task_folder) / request.task.base_model)
    found: dict[str, Technique] = {}
    for query, why in _questions(request.task, facts):
        for strategy in (*STRATEGIES, *BACKGROUND):
            for hit in search(query, limit=1, strategy=strategy):
                found.setdefault(hit.entry.id, _technique(hit, why))
    told = f"{facts.parameters:,} parameters" if facts.parameters else "size unknown"
    summary = f"The base is {facts.architecture} ({told}); the metric {_metric_says(request.task)}."
    return Review(summary=summary, model=facts, techniques=tuple(found.values()))


def model_facts(folder: Path) -> ModelFacts:
    """What the model's config tells; `unknown` for a Hub id that is not on this machine."""
    config_file = folder / "config.json"
    if not config_file.is_file():
        return ModelFacts()
    config = json.loads(config_file.read_text())
    architectures = config.get("architectures") or ["unknown"]
    return ModelFacts(
        architecture=str(architectures[0]),
        parameters=_parameters(folder),
        context=config.get("max_position_embeddings"),
        vocabulary=config.get("vocab_size"),
    )


def _parameters(folder: Path) -> int | None:
    """Counted from the headers of the safetensors files: 8 bytes of length, then JSON with every shape."""
    total = 0
    for file in sorted(folder.glob("*.safetensors")):
        with file.open("rb") as stream:
            header = json.loads(stream.read(int.from_bytes(stream.read(8), "little")))
        for name, tensor in header.items():
            if name != "__metadata__":
                size = 1
                for length in tensor["shape"]:
                    size *= length
                total += size
    return total or None


def _questions(task: Task, facts: ModelFacts) -> list[tuple[str, str]]:
    """What to search for, and why the finds fit."""
    small = facts.parameters is not None and facts.parameters < 100_000_000
    size = "small model, full fine-tuning" if small else "large model, little GPU memory"
    return [
        (f"{task.goal} supervised fine-tuning on given answers", "the task comes with answers to learn from"),
        ("verifiable reward reinforcement learning", f"the metric {_metric_says(task)}, so it can be the reward"),
        ("greedy or sampled decoding, few-shot prompt format", "the floor is the base at its best"),
        ("duplicates, label noise and contamination in training data", "several candidate sources are given"),
        ("is a gain real or noise between seeds", "a win must be one that can be trusted"),
        (
            f"learning rate and batch size search under a short budget, {size}",
            f"the budget is {task.budget.time:.0f} s",
        ),
    ]


def _metric_says(task: Task) -> str:
    return f"{task.metric.replace('_', ' ')} is checked by code"


def _technique(hit: Hit, why: str) -> Technique:
    entry: KnowledgeEntry = hit.entry
    recipe = {name: value for name, value in entry.recipe.items() if isinstance(value, str | int | float | bool)}
    citations = tuple(
        Citation(title=c.title, authors=c.authors, year=c.year, arxiv=c.arxiv, url=getattr(c, "url", None))
        for c in entry.citations
    )
    return Technique(
        id=entry.id,
        name=entry.name,
        strategy=entry.strategy,
        summary=entry.summary,
        why=why,
        recipe=recipe,
        citations=citations,
    )
