"""The sources of `examples/dates` are what the task file says they are."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path
from types import ModuleType

import pytest

Rows = list[dict[str, str]]
SOURCES = ("clean", "duplicated", "mislabelled", "leaking")


@pytest.fixture(scope="module")
def dates(example: Callable[[str], ModuleType]) -> ModuleType:
    return example("dates/generate.py")


@pytest.fixture(scope="module")
def rows(dates: ModuleType) -> dict[str, Rows]:
    return {name: dates.generate(name, n, seed=0) for name, n in dates.DEFAULT_ROWS.items()}


@pytest.fixture(scope="module")
def truth(dates: ModuleType) -> dict[str, str]:
    """Every spelling of every date, and the date: the whole space, from `datetime` alone."""
    found: dict[str, str] = {}
    day = dates.FIRST
    while day <= dates.LAST:
        for spell in dates.SPELLINGS.values():
            assert found.setdefault(spell(day), day.isoformat()) == day.isoformat(), "two dates spelt alike"
        day += timedelta(days=1)
    return found


@pytest.fixture(scope="module")
def meaning(truth: dict[str, str]) -> dict[str, str]:
    """The same, of normalised spellings."""
    return {normal(text): iso for text, iso in truth.items()}


def normal(text: str) -> str:
    return " ".join(text.lower().rstrip(".").split())


def test_the_command_prints_the_same_rows_as_the_module(dates: ModuleType, examples: Path) -> None:
    command = [sys.executable, str(examples / "dates" / "generate.py"), "leaking", "--rows", "700", "--seed", "3"]
    first, second = (subprocess.run(command, capture_output=True, check=True).stdout for _ in range(2))
    assert first == second
    assert [json.loads(line) for line in first.splitlines()] == dates.generate("leaking", 700, seed=3)


def test_another_seed_gives_other_rows(dates: ModuleType) -> None:
    assert dates.generate("clean", 200, seed=0) != dates.generate("clean", 200, seed=1)


@pytest.mark.parametrize("source", ["clean", "duplicated", "mislabelled", "leaking", "dev", "test"])
def test_a_source_has_as_many_rows_as_asked(dates: ModuleType, source: str) -> None:
    assert len(dates.generate(source, 333, seed=0)) == 333


def test_at_least_twelve_spellings_occur_in_every_split(dates: ModuleType, rows: dict[str, Rows]) -> None:
    for split in ("clean", "dev", "test"):
        used = {
            name
            for row in rows[split]
            for name, spell in dates.SPELLINGS.items()
            if spell(date.fromisoformat(row["iso"])) == row["text"]
        }
        assert len(used) >= 12


def test_no_two_dates_are_spelt_alike(truth: dict[str, str]) -> None:
    assert len(truth) > 400_000


@pytest.mark.parametrize("source", ["clean", "leaking", "dev", "test"])
def test_labels_are_true(source: str, rows: dict[str, Rows], truth: dict[str, str]) -> None:
    assert all(truth[row["text"]] == row["iso"] for row in rows[source])


def test_the_same_digits_mean_another_date_with_slashes_than_with_dashes(truth: dict[str, str]) -> None:
    assert truth["03/04/1997"] == "1997-04-03"
    assert truth["03-04-1997"] == "1997-03-04"


def test_three_in_ten_labels_are_wrong_in_mislabelled(rows: dict[str, Rows], truth: dict[str, str]) -> None:
    found = rows["mislabelled"]
    wrong = sum(truth[row["text"]] != row["iso"] for row in found) / len(found)
    assert wrong == pytest.approx(0.30, abs=0.03)
    assert all(date.fromisoformat(row["iso"]) for row in found), "a wrong label is still a date"


def test_mislabelled_contradicts_itself_and_its_neighbours(rows: dict[str, Rows]) -> None:
    labels: dict[str, set[str]] = {}
    for row in rows["mislabelled"]:
        labels.setdefault(row["text"], set()).add(row["iso"])
    assert sum(len(found) > 1 for found in labels.values()) >= 30
    clean = {row["text"]: row["iso"] for row in rows["clean"]}
    shared = [row for row in rows["mislabelled"] if row["text"] in clean]
    assert len(shared) >= 300
    assert 0.2 < sum(clean[row["text"]] != row["iso"] for row in shared) / len(shared) < 0.4


def test_more_than_half_of_duplicated_are_copies_exact_and_near(rows: dict[str, Rows], meaning: dict[str, str]) -> None:
    found = [row["text"] for row in rows["duplicated"]]
    exact = 1 - len(set(found)) / len(found)
    either = 1 - len({normal(text) for text in found}) / len(found)
    assert either > 0.5
    assert exact > 0.2
    assert either - exact > 0.1
    assert all(meaning[normal(row["text"])] == row["iso"] for row in rows["duplicated"])


def test_clean_repeats_no_input(rows: dict[str, Rows]) -> None:
    assert len({row["text"] for row in rows["clean"]}) == len(rows["clean"])


def test_every_pair_of_sources_shares_some_hundreds_of_inputs(rows: dict[str, Rows]) -> None:
    texts = {name: {row["text"] for row in rows[name]} for name in SOURCES}
    for one in SOURCES:
        for other in SOURCES:
            if one < other:
                assert 200 <= len(texts[one] & texts[other]) <= 1000, (one, other)


def test_leaking_holds_test_rows_with_their_answers_and_no_dev_rows(rows: dict[str, Rows]) -> None:
    test = {(row["text"], row["iso"]) for row in rows["test"]}
    assert sum((row["text"], row["iso"]) in test for row in rows["leaking"]) == 300
    assert not {row["text"] for row in rows["leaking"]} & {row["text"] for row in rows["dev"]}


@pytest.mark.parametrize("source", ["clean", "duplicated", "mislabelled"])
def test_no_spelling_of_an_evaluated_date_is_in_an_honest_source(
    source: str, rows: dict[str, Rows], meaning: dict[str, str]
) -> None:
    trained = {meaning[normal(row["text"])] for row in rows[source]}
    dev, test = ({row["iso"] for row in rows[split]} for split in ("dev", "test"))
    assert not trained & (dev | test)
    assert not dev & test
