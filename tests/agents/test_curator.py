"""The curator names what is wrong with every source, with figures, and what it trains on is clean."""

from __future__ import annotations

import csv
import json
import random
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from agents.curator.playbook import Ask, NothingToTrainOn, curate
from protocol.brief import Task
from protocol.data import CurateRequest, DataPlan, Overlap, OverlapRequest, Rejection
from protocol.errors import BadInput, WrongAnswer
from protocol.message import Message
from tools.contamination import overlap

BANKING = Path(__file__).parents[3] / "shared" / "data" / "banking77"
Row = dict[str, str]


def days(split: str, count: int, seed: int) -> list[Row]:
    """Distinct dates, whose year tells the split."""
    first = {"train": 1000, "dev": 3000, "test": 4000}[split]
    rng = random.Random(f"{split}{seed}")
    drawn = rng.sample(range(1000 * 12 * 28), count)
    rows = [(first + n // 336, n // 28 % 12 + 1, n % 28 + 1) for n in drawn]
    return [{"text": f"{d:02}/{m:02}/{y}", "iso": f"{y}-{m:02}-{d:02}"} for y, m, d in rows]


def spoilt(rows: Sequence[Row], share: float, seed: int = 0) -> list[Row]:
    rng = random.Random(seed)
    wrong = set(rng.sample(range(len(rows)), round(share * len(rows))))
    return [dict(row, iso=f"{rng.randrange(10**6)}") if n in wrong else row for n, row in enumerate(rows)]


def write(folder: Path, name: str, rows: Sequence[Mapping[str, object]]) -> str:
    (folder / name).write_text("".join(json.dumps(row) + "\n" for row in rows))
    return name


class Scorer:
    """Answers as the scorer does: it holds both splits, and gives away counts and positions."""

    def __init__(self, dev: Sequence[str], test: Sequence[str]) -> None:
        self.dev, self.test = dev, test
        self.asked: list[str] = []

    async def ask(self, service: str, message: Message) -> Message:
        assert service == "scorer" and isinstance(message, OverlapRequest)
        self.asked.append(message.name)
        prompts = [json.loads(line)["prompt"] for line in Path(message.path).read_text().splitlines()]
        dev, test = overlap(prompts, self.dev), overlap(prompts, self.test)
        return Overlap(
            name=message.name, rows=len(prompts), dev_exact=dev.exact, dev_near=dev.near,
            test_exact=test.exact, test_near=test.near, drop=tuple(sorted({*dev.drop, *test.drop})),
        )  # fmt: skip


def request(folder: Path, sources: Mapping[str, object], **fields: object) -> CurateRequest:
    held = {split: {"file": f"{split}.jsonl"} for split in ("dev", "test")}
    task = {
        "name": "days", "goal": "ISO dates", "base_model": "none", "prompt": "{text} ->", "answer": " {iso}",
        "data": [{"name": name, "license": "MIT", **(held if isinstance(held, dict) else {})}
                 for name, held in sources.items()],
        "eval": held, **fields,
    }  # fmt: skip
    return CurateRequest(
        task=Task.model_validate(task), folder=str(folder / "run"), task_folder=str(folder), base_model="none"
    )


@pytest.fixture
def scorer(tmp_path: Path) -> Scorer:
    held = {split: days(split, count, 0) for split, count in (("dev", 200), ("test", 400))}
    for split, rows in held.items():
        write(tmp_path, f"{split}.jsonl", rows)
    dev, test = ([f"{row['text']} ->" for row in rows] for rows in held.values())
    return Scorer(dev, test)


def rejection(plan: DataPlan, source: str) -> Rejection:
    (found,) = [one for one in plan.rejected if one.source == source]
    return found


def rows_of(plan: DataPlan) -> list[dict[str, object]]:
    return [json.loads(line) for line in Path(plan.mixture.path).read_text().splitlines()]


async def test_every_spoilt_variant_is_named_with_figures(tmp_path: Path, scorer: Scorer) -> None:
    shared = days("train", 400, 0)
    own = [[row for row in days("train", 8400, seed) if row not in shared][:7600] for seed in range(1, 5)]
    test = [json.loads(line) for line in (tmp_path / "test.jsonl").read_text().splitlines()]
    distinct = [*shared, *own[1]][:2400]
    variants = {
        "clean": [*shared, *own[0]],
        "duplicated": distinct + [dict(random.Random(n).choice(distinct)) for n in range(5600)],
        "mislabelled": spoilt([*shared, *own[2]], 0.3),
        "leaking": [*shared, *own[3][:7300], *test[:300]],
    }
    sources = {name: {"file": write(tmp_path, f"{name}.jsonl", rows)} for name, rows in variants.items()}
    plan = await curate(request(tmp_path, sources), scorer.ask)
    profiles = {one.name: one for one in plan.profiles}

    leak = rejection(plan, "leaking")
    assert (leak.fault, leak.rows, leak.whole) == ("leaking", 300, False)
    assert "300 of 8000 rows (3.8%) stand in test (300 exactly" in leak.reason
    wrong = rejection(plan, "mislabelled")
    assert (wrong.fault, wrong.rows, wrong.whole) == ("mislabelled", 8000, True)
    assert abs((profiles["mislabelled"].label_noise or 0) - 0.3) < 0.07
    copies = rejection(plan, "duplicated")
    assert (copies.fault, copies.rows, copies.whole) == ("duplicated", 5600, False)
    assert profiles["duplicated"].exact_duplicates == 5600
    assert not [one for one in plan.rejected if one.source == "clean"]

    assert plan.contamination.clean and plan.contamination.rows_checked == plan.mixture.rows
    assert "mislabelled" not in plan.mixture.weights and plan.mixture.weights["clean"] == 8000
    assert not {str(row["prompt"]) for row in rows_of(plan)} & {*scorer.test, *scorer.dev}
    assert scorer.asked[-1] == "mixture-0" and len(scorer.asked) == 5
    assert "mislabelled: mislabelled, rejected as a whole" in plan.summary


async def test_a_mislabelled_source_without_another_is_kept_without_its_conflicts(
    tmp_path: Path, scorer: Scorer
) -> None:
    rows = days("train", 1000, 0)
    doubled = spoilt(rows, 0.3, 1) + spoilt(rows[:300], 0.3, 2)
    sources = {"bad": {"file": write(tmp_path, "bad.jsonl", doubled)}, "few": {"file": write(tmp_path, "few.jsonl", [
        {"text": "1 May 1", "iso": "0001-05-01"}])}}  # fmt: skip
    plan = await curate(request(tmp_path, sources), scorer.ask)
    wrong = next(one for one in plan.rejected if one.fault == "mislabelled")
    assert not wrong.whole and 200 < wrong.rows < 420 and "too few rows" in wrong.reason
    told: dict[str, set[object]] = {}
    for row in rows_of(plan):
        told.setdefault(str(row["prompt"]), set()).add(row["answer"])
    assert max(map(len, told.values())) == 1 and plan.mixture.weights["bad"] > 700


async def test_conflicts_are_settled_by_the_majority_or_dropped(tmp_path: Path, scorer: Scorer) -> None:
    rows = days("train", 100, 0)
    tie, vote = {"text": "tie"}, {"text": "vote"}
    sources = {
        "a": {"file": write(tmp_path, "a.jsonl", [*rows, tie | {"iso": "1"}, vote | {"iso": "1"}])},
        "b": {"file": write(tmp_path, "b.jsonl", [tie | {"iso": "2"}, vote | {"iso": "1"}])},
        "c": {"file": write(tmp_path, "c.jsonl", [vote | {"iso": "2"}])},
    }
    plan = await curate(request(tmp_path, sources), scorer.ask)
    answers = {row["prompt"]: row["answer"] for row in rows_of(plan)}
    assert answers["vote ->"] == "1" and "tie ->" not in answers
    assert {one.source: (one.fault, one.rows) for one in plan.rejected} == {
        name: ("conflicting", 1) for name in ("a", "b", "c")
    }


async def test_sources_that_cannot_be_used_are_named_and_the_rest_goes_on(tmp_path: Path, scorer: Scorer) -> None:
    rows = days("train", 600, 0)
    test = [json.loads(line) for line in (tmp_path / "test.jsonl").read_text().splitlines()]
    sources: dict[str, object] = {
        "good": {"file": write(tmp_path, "good.jsonl", [*rows, {"text": "", "iso": "x"}]), "license": None},
        "absent": {"file": "absent.jsonl"},
        "foreign": {"file": write(tmp_path, "foreign.jsonl", [{"question": "x"}])},
        "blank": {"file": write(tmp_path, "blank.jsonl", [{"text": "", "iso": ""}])},
        "secret": {"file": write(tmp_path, "secret.jsonl", rows), "license": "All Rights Reserved"},
        "stolen": {"file": write(tmp_path, "stolen.jsonl", [*rows[:300], *test])},
    }
    plan = await curate(request(tmp_path, sources), scorer.ask)
    faults = {one.source: (one.fault, one.rows, one.whole) for one in plan.rejected}
    assert faults == {
        "absent": ("unreadable", 0, True),
        "foreign": ("unreadable", 0, True),
        "blank": ("unreadable", 0, True),
        "good": ("empty", 1, False),
        "secret": ("licence", 600, True),
        "stolen": ("leaking", 700, True),
    }
    assert "no column 'text'" in rejection(plan, "foreign").reason
    assert [one.name for one in plan.profiles] == list(sources)
    assert next(one for one in plan.profiles if one.name == "absent").error
    assert plan.mixture.weights == {"good": 600} and "licence unknown: good" in plan.summary


async def test_rows_of_a_dev_split_drawn_from_the_source_are_dropped_as_expected(
    tmp_path: Path, scorer: Scorer
) -> None:
    write(tmp_path, "all.jsonl", days("train", 1000, 5))
    asked = request(tmp_path, {"all": {"file": "all.jsonl"}})
    dev = asked.task.eval.dev.model_copy(update={"file": "all.jsonl", "sample": 200})
    plan_of = asked.task.eval.model_copy(update={"dev": dev})
    asked = asked.model_copy(update={"task": asked.task.model_copy(update={"eval": plan_of})})
    rows = days("train", 1000, 5)
    scorer.dev = [f"{row['text']} ->" for row in random.Random(0).sample(rows, 200)]
    plan = await curate(asked, scorer.ask)
    found = rejection(plan, "all")
    assert found.rows == 200 and "also in dev, which is drawn from the same rows: 200 rows" in found.reason
    assert plan.mixture.rows == 800 and plan.contamination.clean


async def test_the_mixture_is_cleaned_once_more_where_the_scorer_still_finds_overlap(
    tmp_path: Path, scorer: Scorer
) -> None:
    rows = days("train", 100, 0)
    sources = {"good": {"file": write(tmp_path, "good.jsonl", rows)}}

    async def late(service: str, message: Message) -> Message:
        if isinstance(message, OverlapRequest) and message.name.startswith("mixture"):
            scorer.test = [f"{row['text']} ->" for row in rows[:10]]
        return await scorer.ask(service, message)

    plan = await curate(request(tmp_path, sources), late)
    assert plan.contamination.clean and plan.mixture.rows == len(rows_of(plan)) == 90
    assert scorer.asked == ["good", "mixture-0", "mixture-0-clean"]


async def test_nothing_to_train_on_is_bad_input_that_says_why(tmp_path: Path, scorer: Scorer) -> None:
    with pytest.raises(NothingToTrainOn, match=r"absent: unreadable, source absent: there is no file"):
        await curate(request(tmp_path, {"absent": {"file": "absent.jsonl"}}), scorer.ask)


async def test_a_dev_split_that_cannot_be_read_is_bad_input(tmp_path: Path, scorer: Scorer) -> None:
    (tmp_path / "dev.jsonl").unlink()
    sources = {"good": {"file": write(tmp_path, "good.jsonl", days("train", 100, 0))}}
    with pytest.raises(BadInput, match=r"dev\.jsonl"):
        await curate(request(tmp_path, sources), scorer.ask)


async def test_another_answer_than_overlap_is_refused(tmp_path: Path, scorer: Scorer) -> None:
    async def odd(service: str, message: Message) -> Message:
        return message

    sources = {"good": {"file": write(tmp_path, "good.jsonl", days("train", 100, 0))}}
    ask: Ask = odd
    with pytest.raises(WrongAnswer, match="overlap_request, not overlap"):
        await curate(request(tmp_path, sources), ask)


@pytest.mark.skipif(not BANKING.is_dir(), reason=f"the public data is not at {BANKING}")
async def test_leaking_and_mislabelled_variants_of_banking77_are_named(tmp_path: Path) -> None:
    train, test = (list(csv.DictReader((BANKING / f"{name}.csv").open())) for name in ("train", "test"))
    rng = random.Random(0)
    rng.shuffle(train)
    labels = sorted({row["category"] for row in train})
    dev, clean, rest = train[:800], train[800:5000], train[5000:]
    wrong = [dict(row, category=rng.choice(labels)) if rng.random() < 0.3 else row for row in rest]
    for name, rows in (("dev", dev), ("test", test)):
        write(tmp_path, f"{name}.jsonl", rows)
    sources = {
        "clean": {"file": write(tmp_path, "clean.jsonl", clean)},
        "leaking": {"file": write(tmp_path, "leaking.jsonl", [*rest, *test[:500]])},
        "mislabelled": {"file": write(tmp_path, "mislabelled.jsonl", wrong)},
    }
    scorer = Scorer(*([f"{row['text']} ->" for row in rows] for rows in (dev, test)))
    plan = await curate(request(tmp_path, sources, answer=" {category}"), scorer.ask)
    noise = {one.name: one.label_noise for one in plan.profiles}
    assert noise["mislabelled"] is not None and abs(noise["mislabelled"] - 0.3) < 0.07
    assert noise["clean"] is not None and noise["clean"] < 0.05
    whole = {one.source: one.fault for one in plan.rejected if one.whole}
    assert whole == {"mislabelled": "mislabelled"}
    leak = next(one for one in plan.rejected if (one.source, one.fault) == ("leaking", "leaking"))
    assert leak.rows >= 500 and "stand in test (50" in leak.reason  # the 500, and the few that train repeats
    assert plan.contamination.clean and set(plan.mixture.weights) == {"clean", "leaking"}
