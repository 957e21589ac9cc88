"""Scores a rebuilt model as the run's scorer scored the one that shipped: same items, prompt, decoding and metric."""

from __future__ import annotations

import os
from pathlib import Path

from protocol.data import Split
from protocol.errors import PostdocsError
from protocol.score import Score
from services.bundle.manifest import DATA, METRIC, SEALED, USE, Bundle
from services.scorer import intervals
from services.scorer.items import read_items
from services.scorer.shipped import read_decoding
from tools.metrics import score_all
from tools.templates import render


class NotScored(PostdocsError):
    """The rebuilt model cannot be scored."""


def splits(bundle: Bundle, folder: Path) -> dict[Split, Path]:
    """The splits that can be scored: the test split may have been taken out of the bundle, or be somebody else's."""
    places: dict[Split, Path] = {"dev": folder / DATA / "dev.jsonl", "test": folder / SEALED / "test.jsonl"}
    return {split: path for split, path in places.items() if split in bundle.scores and os.access(path, os.R_OK)}


def scores(bundle: Bundle, folder: Path, model: Path) -> dict[Split, Score]:
    """Raises `NotScored`."""
    from services.scorer import generate, loading

    decoding, prompt = read_decoding(folder / USE)
    found: dict[Split, Score] = {}
    try:
        loaded = loading.load(model)
    except loading.ModelBroken as error:
        raise NotScored(f"the rebuilt model cannot be scored: {error}") from error
    for split, path in splits(bundle, folder).items():
        items = read_items(path)
        asked = [render(prompt.prompt, item.row) for item in items]
        texts = generate.answers(loaded, asked, prompt.shots, decoding)
        expected, rows = [item.answer for item in items], [item.row for item in items]
        found[split] = intervals.summarise(score_all(bundle.metric, folder / METRIC, texts, expected, rows))
    return found
