"""The Reviewer without a language model: reads the base model's config and searches the bundled knowledge."""

from __future__ import annotations

import json
from pathlib import Path
from typing import NamedTuple

from agents.reviewer.knowledge import Hit, KnowledgeEntry, search
from agents.role import Ask
from protocol.benchmark import kind_of
from protocol.brief import Task
from protocol.research import Citation, ModelFacts, Review, ReviewRequest, Technique
from tools.sizing import lookup

PER_STRATEGY = 3
SMALL_MODEL = 100_000_000
"""Parameters below which all weights are trained as a matter of course."""


class Question(NamedTuple):
    """One search in the knowledge base."""

    text: str
    why: str
    strategies: tuple[str, ...]


async def review(request: ReviewRequest, ask: Ask) -> Review:
    """Techniques that fit the problem, by what they are for, with their citations."""
    facts = model_facts(Path(request.task_folder) / request.task.base_model)
    found: dict[str, Technique] = {}
    for question in _questions(request.task, facts):
        for strategy in question.strategies:
            for hit in search(question.text, limit=PER_STRATEGY, strategy=strategy):
                found.setdefault(hit.entry.id, _technique(hit, question.why))
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
        parameters=lookup.stored_parameters(folder),
        context=config.get("max_position_embeddings"),
        vocabulary=config.get("vocab_size"),
    )


def _questions(task: Task, facts: ModelFacts) -> list[Question]:
    """What to search for, in which families of the knowledge base, and why the finds fit."""
    small = facts.parameters is not None and facts.parameters < SMALL_MODEL
    size = "small model, full fine-tuning" if small else "large model, little GPU memory"
    reward = "so it can be no reward" if kind_of(task.metric) else "so it can be the reward"
    checked = f"the metric {_metric_says(task)}, {reward}"
    return [
        Question(
            f"supervised fine-tuning on given answers: {task.goal}",
            "the task comes with answers to learn from",
            ("sft",),
        ),
        Question(f"adapters, {size}", f"the base is a {size.split(',')[0]}", ("lora",)),
        Question("verifiable reward, answers checked by code", checked, ("grpo", "rejection_sampling")),
        Question("greedy or sampled decoding, few-shot prompt", "the floor is the base at its best", ("decoding",)),
        Question(
            "duplicates, wrong labels and contamination in training data",
            "the sources of the task are only candidates",
            ("data",),
        ),
        Question("is a gain real or noise between seeds", "a win must be one to trust", ("evaluation",)),
        Question(
            "search learning rate and batch size under a short budget, early stopping of bad trials",
            f"the budget is {task.budget.time:.0f} s",
            ("tuning",),
        ),
    ]


def _metric_says(task: Task) -> str:
    if kind_of(task.metric):
        return f"{task.metric} is a benchmark, which prompts and scores by itself"
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
