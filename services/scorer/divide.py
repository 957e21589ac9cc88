"""Which items of a benchmark are dev and which are the sealed test. Called by `held_out`, once a run.

Where the task names no other benchmark or split for dev, each item falls on its side by a seeded hash of its prompt:
on the same side on every machine, and with all items that ask the same.
"""

from __future__ import annotations

import hashlib
import random
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from protocol.benchmark import Benchmark
from protocol.brief import Task
from protocol.errors import BadInput
from services.run_folder import RunFolder
from services.scorer.harness.ask import Items, Listed, listed
from services.scorer.harness.process import HarnessFailed
from services.scorer.items import Item
from tools.contamination import normalise

BESIDE = "; dev: "
"""Between the harness of test and that of dev, where they are two."""


class Divided(NamedTuple):
    harness: str
    """In a word."""
    dev: list[Item]
    test: list[Item]
    test_origin: tuple[str, ...]


def divided(task: Task, task_folder: Path, folder: RunFolder) -> Divided:
    """The items of dev and test. Raises `BadInput`."""
    plan = task.benchmark
    harness, all_of_it, origin = _listed(task, task_folder, folder, task.metric, None)
    if plan.dev is not None or plan.dev_split is not None:
        other = _listed(task, task_folder, folder, plan.dev or task.metric, plan.dev_split)
        harness, test = f"{harness}{BESIDE}{other.harness}", all_of_it
        dev = _sampled(other.items, plan)
    else:
        dev, test = parts(all_of_it, plan)
    return Divided(harness, [_item(item) for item in dev], [_item(item) for item in test], origin)


def parts(items: Sequence[Listed], plan: Benchmark) -> tuple[list[Listed], list[Listed]]:
    """Dev and test, where both are of one benchmark."""
    dev = [item for item in items if _position(item, plan.seed) < plan.dev_share]
    return _sampled(dev, plan), [item for item in items if _position(item, plan.seed) >= plan.dev_share]


def _sampled(dev: list[Listed], plan: Benchmark) -> list[Listed]:
    if plan.dev_sample is None or plan.dev_sample >= len(dev):
        return dev
    return random.Random(plan.seed).sample(dev, plan.dev_sample)


def _listed(task: Task, task_folder: Path, folder: RunFolder, metric: str, split: str | None) -> Items:
    try:
        return listed(task, task_folder, folder, metric, split)
    except HarnessFailed as error:
        raise BadInput(f"the benchmark {metric} cannot be read: {error.told}") from error


def _position(item: Listed, seed: int) -> float:
    """From 0 to 1, by the item's prompt."""
    digest = hashlib.sha256(f"{seed}\0{normalise(item.prompt)}".encode()).digest()
    return int.from_bytes(digest[:8], "big") / 2**64


def _item(item: Listed) -> Item:
    return Item(prompt=item.prompt, answer=item.answer, row={"id": item.id})
