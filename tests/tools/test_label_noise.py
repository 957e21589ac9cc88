"""Planted noise is found where it was planted, and nobody is blamed without evidence."""

from __future__ import annotations

import csv
import random
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tools.examples import Example, make_all
from tools.label_noise import MIN_SHARED, classified, combined, disagreement

BANKING = Path(__file__).parents[3] / "shared" / "data" / "banking77" / "train.csv"
needs_banking = pytest.mark.skipif(not BANKING.is_file(), reason=f"the public data is not at {BANKING}")


def made(rows: list[dict[str, str]]) -> list[Example]:
    return [example for example in make_all(rows, "{text}", "{label}", "exact_match") if example]


def noisy(prompts: range, noise: float, seed: int) -> list[Example]:
    rng = random.Random(seed)
    rows = [(f"q{n}", f"wrong {rng.random()}" if rng.random() < noise else f"a{n}") for n in prompts]
    return made([{"text": text, "label": label} for text, label in rows])


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 10**6))
def test_planted_noise_is_recovered_from_three_sources_without_dev(seed: int) -> None:
    sources = {
        "clean": noisy(range(1000), 0.0, seed),
        "bad": noisy(range(400, 1400), 0.3, seed + 1),
        "fair": noisy(range(1800), 0.1, seed + 2),
    }
    found = disagreement(sources)
    assert abs(found["bad"].share - 0.3) < 0.07
    assert abs(found["fair"].share - 0.1) < 0.07
    assert found["clean"].share < 0.05
    assert found["bad"].low < found["bad"].share and "clean on" in found["bad"].evidence


def test_dev_tells_which_of_two_sources_is_wrong() -> None:
    sources = {"clean": noisy(range(1000), 0.0, 1), "bad": noisy(range(1000), 0.3, 2)}
    found = disagreement(sources, noisy(range(200), 0.0, 3))
    assert abs(found["bad"].share - 0.3) < 0.07 and found["clean"].share < 0.02
    assert found["bad"].anchored and "dev on" in found["bad"].evidence


def test_without_a_third_voice_nobody_is_blamed() -> None:
    assert disagreement({"one": noisy(range(1000), 0.0, 1), "other": noisy(range(1000), 0.3, 2)}) == {}


def test_too_few_shared_prompts_are_no_evidence() -> None:
    assert disagreement({"one": noisy(range(MIN_SHARED - 1), 0.5, 1)}, noisy(range(1000), 0.0, 2)) == {}


def test_a_source_that_repeats_itself_inconsistently_gives_itself_away() -> None:
    found = disagreement({"alone": noisy(range(500), 0.3, 1) + noisy(range(500), 0.3, 2)})
    assert abs(found["alone"].share - 0.3) < 0.07 and "itself" in found["alone"].evidence
    assert disagreement({"copied": noisy(range(500), 0.3, 1) * 2}) == {}  # copies repeat their errors


def test_one_prompt_for_all_rows_is_no_hang() -> None:
    rows = made([{"text": "go", "label": str(n % 5000)} for n in range(20_000)])
    assert set(disagreement({"a": rows, "b": rows})) <= {"a", "b"}


def test_many_different_answers_are_no_classes() -> None:
    assert classified(noisy(range(1000), 0.3, 1), noisy(range(1000, 1400), 0.0, 2)) is None


@needs_banking
@pytest.mark.parametrize("noise", [0.0, 0.3])
def test_a_classifier_finds_wrong_labels_in_banking77(noise: float) -> None:
    with BANKING.open(encoding="utf-8", newline="") as file:
        rows = [{"text": row["text"], "label": row["category"]} for row in csv.DictReader(file)]
    rng = random.Random(0)
    labels = sorted({row["label"] for row in rows})
    rng.shuffle(rows)
    dev, train = made(rows[:800]), rows[800:]
    spoilt = made([dict(row, label=rng.choice(labels)) if rng.random() < noise else row for row in train])
    found = classified(spoilt, dev)
    assert found is not None and abs(found.share - noise) < 0.07
    assert (found.low > 0.2) if noise else (found.low < 0.02)
    assert combined({"train": spoilt}, dev)["train"] == found
