"""What a candidate scores, how it compares, and that the test split is scored once, for what ships."""

from __future__ import annotations

import asyncio
import json
import shutil
from pathlib import Path

import pytest
from laboratory import GREEDY, Laboratory, build_model

from protocol.errors import AnswerFailed
from protocol.score import Score
from services.scorer.service import Scorer


async def test_a_score_is_what_the_model_gets_right(lab: Laboratory) -> None:
    await lab.prepare()
    scored = await lab.score()
    assert (scored.score.value, scored.score.n) == (0.5, 40)  # the task is made so
    assert (scored.score.low, scored.score.high) == pytest.approx((0.352, 0.648), abs=1e-3)
    assert scored.split == "dev"
    assert len(scored.answers) == 6
    assert sum(expected.split() == got.split() for _, expected, got in scored.answers) == 3


async def test_candidates_are_compared_on_the_items_they_share(lab: Laboratory, tmp_path: Path) -> None:
    await lab.prepare()
    other = build_model(tmp_path / "other", seed=1)
    await lab.score("base")
    worse = await lab.score("other", other, against=("base", "nobody"))
    (pair,) = worse.paired
    assert (pair.candidate, pair.incumbent, pair.n, pair.wins, pair.losses) == ("other", "base", 40, 0, 20)
    assert pair.difference == -0.5
    assert pair.p_value == pytest.approx(2 / 2**20)
    short = await lab.score("short", other, against=("base",), limit=12)
    assert (short.score.n, short.paired[0].n) == (12, 12)


async def test_a_shorter_look_does_not_overwrite_a_longer_one(lab: Laboratory, tmp_path: Path) -> None:
    await lab.prepare()
    await lab.score("base")
    await lab.score("base", limit=10)
    other = await lab.score("other", build_model(tmp_path / "other", seed=1), against=("base",))
    assert other.paired[0].n == 40


@pytest.mark.parametrize("how", ["absent", "no weights", "nan", "cut off"])
async def test_a_model_that_is_none_gets_a_failed_score(lab: Laboratory, tmp_path: Path, how: str) -> None:
    await lab.prepare()
    folder = tmp_path / "bad"
    if how == "nan":
        build_model(folder, poison=float("nan"))
    elif how != "absent":
        shutil.copytree(lab.model, folder)
        weights = folder / "model.safetensors"
        weights.unlink() if how == "no weights" else weights.write_bytes(weights.read_bytes()[:-100])
    scored = await lab.score("bad", folder)
    assert scored.score.failed
    assert scored.score < Score(value=0.0, low=0.0, high=0.1, n=1)
    assert (await lab.score("base")).score.value == 0.5, "the next one is scored all the same"


async def test_scores_wait_for_each_other_and_all_come(lab: Laboratory) -> None:
    await lab.prepare()
    scores = await asyncio.gather(*(lab.score(f"c{number}") for number in range(4)))
    assert {scored.score.value for scored in scores} == {0.5}
    assert {scored.candidate for scored in scores} == {"c0", "c1", "c2", "c3"}


async def test_the_test_split_is_only_for_what_ships(lab: Laboratory) -> None:
    await lab.prepare()
    with pytest.raises(AnswerFailed, match="the test split is only for what ships"):
        await lab.score("base", split="test")
    with pytest.raises(AnswerFailed, match="nothing has shipped yet"):
        await lab.test()


async def test_the_test_split_is_scored_once(lab: Laboratory, tmp_path: Path) -> None:
    await lab.prepare()
    await lab.ship(await lab.score("base"))
    first = await lab.test()
    assert (first.score.value, first.score.n, first.answers) == (0.5, 40, ())
    assert await lab.test() == first
    await lab.ship(await lab.score("other", build_model(tmp_path / "other", seed=1)))
    with pytest.raises(AnswerFailed, match="it is scored once"):
        await lab.test("other")


async def test_the_test_score_uses_what_ships_and_not_what_is_asked(lab: Laboratory) -> None:
    await lab.prepare()
    one_token = GREEDY.model_copy(update={"max_new_tokens": 1, "shots": 2})
    await lab.ship(await lab.score("base", decoding=one_token))
    tested = await lab.test()
    assert tested.decoding == one_token
    assert tested.score.value < 0.5


async def test_no_message_holds_a_row_of_the_test_split(lab: Laboratory, tmp_path: Path) -> None:
    await lab.prepare()
    await lab.ship(await lab.score("base"))
    await lab.test()
    said = [envelope.model_dump_json() async for _, envelope in lab.journal.replay()]
    assert len(said) == 5  # prepared, scored, verdict, shipped, scored on test
    open_files = [p.read_text() for f in ("data", "final_model") for p in (lab.folder.root / f).glob("*.json*")]
    rows = [json.loads(line) for line in (lab.task_folder / "test.jsonl").read_text().splitlines()]
    for text in (*said, *open_files):
        assert not any(row["secret"] in text or row["question"] in text for row in rows)
    assert any("devrow" in text for text in open_files), "the search finds what is there"


async def test_a_metric_that_fails_is_an_error_which_keeps_the_test_split_to_itself(lab: Laboratory) -> None:
    (lab.task_folder / "own.py").write_text(
        "def score(prediction, expected, row):\n"
        "    if row['secret'].startswith('test'): raise ValueError(row['secret'])\n"
        "    return 1.0 if prediction == expected else 0.25\n"
    )
    await lab.prepare(lab.task.model_copy(update={"metric": "python:own:score"}))
    scored = await lab.score("base")
    assert scored.score.value == pytest.approx(0.625)
    await lab.ship(scored)
    with pytest.raises(AnswerFailed, match=r"failed on test \(ValueError\)") as caught:
        await lab.test()
    assert "testrow" not in str(caught.value)
    assert caught.value.exit_code == 2


async def test_a_shared_scorer_finds_the_folder_of_a_run_in_its_journal(idle: Laboratory) -> None:
    from protocol.brief import Brief
    from protocol.envelope import wrap

    brief = Brief(task=idle.task, folder=str(idle.folder.root), task_folder=str(idle.task_folder))
    await idle.journal.append(wrap(brief, run=idle.run, sender="user"))
    async with Scorer(idle.bus):
        await idle.prepare()
        await idle.score("base")
    async with Scorer(idle.bus):  # knows nothing but the journal and the disk
        scored = await idle.score("again", against=("base",))
    assert scored.paired[0].p_value == 1.0
