"""The held-out splits: made once, disjoint, the test split sealed and never told; errors in one sentence."""

from __future__ import annotations

import json
import stat
from pathlib import Path
from typing import Any

import pytest
from laboratory import ROWS, Laboratory

from protocol.brief import EvalPlan, Source
from protocol.data import Overlap, OverlapRequest
from protocol.errors import AnswerFailed


def read(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


async def test_both_splits_are_rendered_and_hashed(lab: Laboratory) -> None:
    ready = await lab.prepare()
    assert (ready.dev_rows, ready.test_rows) == (ROWS["dev"], ROWS["test"])
    dev = read(lab.folder.data / "dev.jsonl")
    assert dev[1]["prompt"] == f"{dev[1]['row']['question']} ="
    assert dev[1]["answer"] == dev[1]["row"]["answer"]
    longest = max(len(row["answer"].replace("<unk>", "?")) for row in dev)  # one token a character
    assert ready.max_answer_tokens == longest


async def test_the_test_split_is_open_to_its_owner_alone(lab: Laboratory) -> None:
    await lab.prepare()
    await lab.score()
    assert stat.S_IMODE(lab.folder.sealed.stat().st_mode) == 0o700
    inside = list(lab.folder.sealed.rglob("*"))
    assert {path.name for path in inside} >= {"test.jsonl", "eval.json", "base.json"}
    assert {stat.S_IMODE(path.stat().st_mode) for path in inside if path.is_file()} == {0o600}
    assert {stat.S_IMODE(path.stat().st_mode) for path in inside if path.is_dir()} == {0o700}


async def test_worked_examples_stand_in_neither_split(lab: Laboratory) -> None:
    train = read(lab.task_folder / "train.jsonl")
    with (lab.task_folder / "dev.jsonl").open("a") as dev:
        dev.writelines(json.dumps(row) + "\n" for row in train[:50])
    await lab.prepare()
    shots = read(lab.folder.data / "shots.jsonl")
    assert len(shots) == 8
    assert {shot["prompt"] for shot in shots} <= {f"{row['question']} =" for row in train[50:]}


async def test_dev_rows_that_stand_in_test_are_dropped(lab: Laboratory) -> None:
    test = read(lab.task_folder / "test.jsonl")
    with (lab.task_folder / "dev.jsonl").open("a") as dev:
        dev.writelines(json.dumps(row | {"question": row["question"].upper()}) + "\n" for row in test[:7])
    ready = await lab.prepare()
    assert ready.dev_rows == ROWS["dev"]


async def test_prepared_again_everything_is_found_in_place(lab: Laboratory) -> None:
    ready = await lab.prepare()
    before = (lab.folder.data / "dev.jsonl").stat().st_mtime_ns
    (lab.task_folder / "dev.jsonl").write_text("gone")
    assert await lab.prepare() == ready
    assert (lab.folder.data / "dev.jsonl").stat().st_mtime_ns == before


async def test_another_task_in_the_same_run_is_refused(lab: Laboratory) -> None:
    await lab.prepare()
    with pytest.raises(AnswerFailed, match="start a new run"):
        await lab.prepare(lab.task.model_copy(update={"prompt": "{question} is"}))


@pytest.mark.parametrize("name", ["data/dev.jsonl", "sealed/test.jsonl", "data/shots.jsonl"])
async def test_a_tampered_file_is_named_and_nothing_is_scored(lab: Laboratory, name: str) -> None:
    await lab.prepare()
    path = lab.folder.root / name
    path.write_text(path.read_text().replace("not ", "", 1) + " ")
    with pytest.raises(AnswerFailed, match=f"{name} was changed"):
        await lab.score()
    with pytest.raises(AnswerFailed, match=f"{name} was changed"):
        await lab.prepare()


def broken(lab: Laboratory, how: str) -> dict[str, Any]:
    if how == "too few":
        (lab.task_folder / "dev.jsonl").write_text('{"question": "q", "answer": "a"}\n' * 9)
    if how == "not disjoint":
        (lab.task_folder / "dev.jsonl").write_text((lab.task_folder / "test.jsonl").read_text())
    if how == "no file":
        return {"eval": EvalPlan(dev=Source(file="nowhere.jsonl"), test=Source(file="test.jsonl"))}
    if how == "no column":
        return {"answer": "{reply}"}
    return {}


@pytest.mark.parametrize(
    ("how", "told"),
    [
        ("too few", "eval.dev has 9 rows; a score needs at least 10"),
        ("not disjoint", "eval.dev has 0 rows left of 40"),
        ("no file", "eval.dev cannot be read.*nowhere.jsonl"),
        ("no column", "eval.test, row 1.*no column 'reply'"),
    ],
)
async def test_what_is_wrong_with_a_split_is_said_in_one_sentence(lab: Laboratory, how: str, told: str) -> None:
    changes = broken(lab, how)
    with pytest.raises(AnswerFailed, match=told) as caught:
        await lab.prepare(lab.task.model_copy(update=changes))
    assert "\n" not in str(caught.value)
    assert not (lab.folder.sealed / "eval.json").exists()


async def test_overlap_tells_counts_and_positions(lab: Laboratory, tmp_path: Path) -> None:
    await lab.prepare()
    asked = [row["question"] for name in ("dev", "test") for row in read(lab.task_folder / f"{name}.jsonl")]
    rows = ["fresh one", asked[0], asked[40].upper(), "another", asked[79]]
    path = tmp_path / "rows.jsonl"
    path.write_text("".join(json.dumps({"prompt": f"{row} =", "completion": "x"}) + "\n" for row in rows))
    found = await lab.ask(OverlapRequest(name="leaking", path=str(path)), Overlap)
    assert (found.rows, found.dev_exact, found.test_exact, found.drop) == (5, 1, 2, (1, 2, 4))
    assert (found.dev_near, found.test_near) == (0, 0)


async def test_rows_that_cannot_be_read_for_overlap_are_named(lab: Laboratory, tmp_path: Path) -> None:
    await lab.prepare()
    (tmp_path / "rows.jsonl").write_text('{"prompt": "a"}\n{"text": "b"}\n')
    with pytest.raises(AnswerFailed, match=r"line 2 of .*rows\.jsonl"):
        await lab.ask(OverlapRequest(name="odd", path=str(tmp_path / "rows.jsonl")), Overlap)


async def test_rows_that_were_written_again_meanwhile_are_not_counted(lab: Laboratory, tmp_path: Path) -> None:
    await lab.prepare()
    path = tmp_path / "rows.jsonl"
    path.write_text('{"prompt": "a"}\n')
    with pytest.raises(AnswerFailed, match="written again meanwhile"):
        await lab.ask(OverlapRequest(name="other", path=str(path), sha256="0" * 64), Overlap)


async def test_a_scorer_that_was_not_prepared_says_so(lab: Laboratory) -> None:
    with pytest.raises(AnswerFailed, match="asked `prepare_eval` first"):
        await lab.score()


async def test_an_error_about_test_does_not_quote_a_row(lab: Laboratory) -> None:
    rows = read(lab.task_folder / "test.jsonl")
    with pytest.raises(AnswerFailed, match="one of its values does not fit the template") as caught:
        await lab.prepare(lab.task.model_copy(update={"answer": "{question:d}"}))
    assert not any(row["question"] in str(caught.value) for row in rows)
