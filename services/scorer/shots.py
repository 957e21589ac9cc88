"""Worked examples for few-shot prompts: from the training data, never from a held-out split. Called by `held_out`."""

from __future__ import annotations

import logging
import random
from collections.abc import Iterable
from pathlib import Path

from protocol.brief import Task
from protocol.errors import BadInput
from services.scorer.items import Item, Shot
from tools.contamination import normalise
from tools.sources import read_rows
from tools.templates import render

log = logging.getLogger(__name__)
SHOTS = 8
SEED = 0


def choose_shots(task: Task, task_folder: Path, data_folder: Path | None, held_out: Iterable[Item]) -> list[Shot]:
    """Up to 8 examples of the first readable training source, seeded, with different answers as far as possible.

    Empty when no source can be read: then there is no few-shot, which is no error here (the Data Curator tells of
    unreadable sources).
    """
    taken = {normalise(item.prompt) for item in held_out}
    for source in task.data:
        try:
            rows = read_rows(source, task_folder, data_folder)
        except Exception as error:
            log.warning("no worked examples from %s: %s", source.name, error)
            continue
        if shots := _pick(rows, task, taken):
            return shots
    return []


def _pick(rows: list[dict[str, object]], task: Task, taken: set[str]) -> list[Shot]:
    order = list(range(len(rows)))
    random.Random(SEED).shuffle(order)
    chosen: list[Shot] = []
    spare: list[Shot] = []
    answers: set[str] = set()
    prompts = set(taken)
    for number in order:
        try:
            shot = Shot(prompt=render(task.prompt, rows[number]), answer=render(task.answer, rows[number]))
        except (BadInput, ValueError):  # a row that does not render is the curator's business, not an example
            continue
        if not shot.answer.strip() or normalise(shot.prompt) in prompts:
            continue
        prompts.add(normalise(shot.prompt))
        (spare if shot.answer in answers else chosen).append(shot)
        answers.add(shot.answer)
        if len(chosen) == SHOTS:
            break
        if len(spare) > 100 * SHOTS:  # few distinct answers: no need to read a million rows for another
            break
    return (chosen + spare)[:SHOTS]
