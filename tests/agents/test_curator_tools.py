"""The Curator's mind looks at its sources with tools; what it chooses is carried out, and checked, by code."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from agents.curator import form, tools
from agents.curator.choices import Choice, OtherFormat
from agents.curator.playbook import Convert, _convert
from agents.form import BadForm
from protocol.data import DataPlan, Mixture
from tests.agents.curator_desk import Curating
from tests.agents.test_curator import Scorer, days, request, rows_of, scorer, spoilt, write
from tools import jsonl
from tools.apart import run as apart
from tools.filters import Filter
from tools.tool import ToolFault

__all__ = ["scorer"]


@pytest.fixture
def at_work(tmp_path: Path, scorer: Scorer) -> Curating:
    """Three sources: one with all kinds of rows, one that is sound, one with wrong answers and a worse answer each."""
    sound = days("train", 300, 1)
    held = [json.loads(line) for name in ("dev", "test") for line in (tmp_path / f"{name}.jsonl").open()]
    mixed = [*sound[:100], *sound[:20], {"text": sound[0]["text"] + ".", "iso": sound[0]["iso"]}]
    mixed += [*held[:5], *held[200:207]]
    bad = [dict(row, worse="1") for row in spoilt(sound[:200], 0.3)]
    sources = {
        name: {"file": write(tmp_path, f"{name}.jsonl", rows)}
        for name, rows in {"mixed": mixed, "sound": sound, "bad": bad}.items()
    }
    return Curating(request(tmp_path, sources), scorer)


async def plan(at_work: Curating, *choices: Choice, **fields: Any) -> DataPlan:
    filled = form.CurateForm(sources=choices, summary="chosen", **fields)
    return await form.complete(at_work.request, filled, at_work.ask)


def use(name: str, **fields: Any) -> Choice:
    return Choice(name=name, use=True, reason="it fits", **fields)


def leave(name: str) -> Choice:
    return Choice(name=name, use=False, reason="not wanted")


async def test_a_profile_of_one_source_still_knows_the_others(at_work: Curating) -> None:
    told = await at_work.use(tools.PROFILE_SOURCES, sources=["bad"])
    profile = json.loads(told)
    assert profile["name"] == "bad" and profile["conflicts"] > 20 and profile["label_noise"] > 0.1
    assert len((await at_work.use(tools.PROFILE_SOURCES)).splitlines()) == 3
    with pytest.raises(ToolFault, match="no source 'worse', only mixed, sound, bad"):
        await at_work.use(tools.PROFILE_SOURCES, sources=["worse"])


async def test_duplicates_are_shown_beside_what_they_repeat(at_work: Curating) -> None:
    told = await at_work.use(tools.FIND_DUPLICATES, source="mixed", examples=1)
    assert told.splitlines()[0] == "133 rows; 20 repeat an earlier one exactly, 1 nearly"
    assert told.splitlines()[1].startswith("exactly: 100: ") and told.splitlines()[2].startswith("  repeats 0: ")
    assert told.splitlines()[4].startswith("  repeats ")


async def test_of_the_test_split_there_are_counts_and_of_dev_examples(at_work: Curating) -> None:
    told = await at_work.use(tools.CHECK_CONTAMINATION, source="mixed", examples=10)
    assert "in dev 5 exactly" in told and "in test 7 exactly" in told
    dev, test = at_work.scorer.dev, at_work.scorer.test
    assert all(prompt in told for prompt in dev[:5]) and not any(prompt in told for prompt in test)


async def test_label_noise_comes_with_evidence_and_disputed_rows(at_work: Curating) -> None:
    told = await at_work.use(tools.FIND_LABEL_NOISE, source="bad", examples=2)
    assert "of its answers are wrong" in told and "shared prompts" in told
    assert len(told.splitlines()) == 3 and told.count("sound says") == 2


async def test_rows_are_sampled_by_position_and_by_filter(at_work: Curating) -> None:
    told = await at_work.use(tools.SAMPLE_ROWS, source="sound", start=298, rows=5)
    assert told.splitlines()[0] == "300 of 300 rows; columns text, iso" and len(told.splitlines()) == 3
    only = {"kind": "regex", "column": "iso", "pattern": "-0[1-3]-"}
    told = await at_work.use(tools.SAMPLE_ROWS, source="sound", filters=[only], rows=20)
    assert len(told.splitlines()) == 21 and all("-0" in line for line in told.splitlines()[1:])
    with pytest.raises(ToolFault, match="no row 300"):
        await at_work.use(tools.SAMPLE_ROWS, source="sound", start=300)


async def test_filters_are_counted_before_they_hold(at_work: Curating) -> None:
    wanted = [
        {"kind": "duplicates", "column": "prompt"},
        {"kind": "length", "column": "completion", "at_least": 11, "at_most": 11},
        {"kind": "equals", "column": "iso", "values": ["1000-01-01"], "drop": True},
        {"kind": "regex", "column": "text", "pattern": r"/1\d{3}$"},
    ]
    told = await at_work.use(tools.TRY_FILTERS, source="mixed", filters=wanted)
    counts = [line for line in told.splitlines() if "takes out" in line]
    assert told.startswith("133 rows before") and "takes out 20, 113 are left" in counts[0]
    assert "takes out 13, 100 are left" in counts[3], counts
    with pytest.raises(ToolFault, match="no row has a column 'isoo': take prompt, completion or text, iso"):
        await at_work.use(tools.TRY_FILTERS, source="mixed", filters=[{"kind": "duplicates", "column": "isoo"}])


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"kind": "regex", "pattern": "("}, "cannot be read"),
        ({"kind": "regex"}, "needs a `pattern`"),
        ({"kind": "length"}, "needs `at_least` or `at_most`"),
        ({"kind": "equals"}, "needs `values`"),
        ({"kind": "python", "pattern": "x"}, "Input should be"),
    ],
)
def test_a_filter_that_is_none_is_refused(wrong: Mapping[str, Any], told: str) -> None:
    with pytest.raises(ValidationError, match=told):
        Filter.model_validate(wrong)


async def test_a_pattern_that_backtracks_without_end_is_stopped(
    at_work: Curating, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(apart, "FILTER_SECONDS", 1.0)
    write(Path(at_work.request.task_folder), "sound.jsonl", [{"text": "a" * 40 + "!", "iso": "1"}])
    endless = [{"kind": "regex", "column": "text", "pattern": "(a+)+$"}]
    with pytest.raises(ToolFault, match="did not end within 1 s"):
        await at_work.use(tools.TRY_FILTERS, source="sound", filters=endless)
    with pytest.raises(BadForm, match="did not end within 1 s"):
        choice = Choice.model_validate(use("sound").model_dump() | {"filters": endless})
        await plan(at_work, choice, leave("mixed"), leave("bad"))


async def test_what_the_mind_chose_is_carried_out_and_cleaned_all_the_same(at_work: Curating) -> None:
    short = Filter(kind="regex", column="text", pattern=r"/1\d{3}$")
    made = await plan(
        at_work,
        use("mixed", filters=(short,), weight=1.0),
        use("sound", weight=3.0, at_most_rows=150),
        leave("bad"),
        total_rows=80,
        seed=3,
    )
    assert made.mixture.weights == {"mixed": 20, "sound": 60} and made.contamination.clean
    held = {*at_work.scorer.dev, *at_work.scorer.test}
    assert not held & {str(row["prompt"]) for row in rows_of(made)}
    told = {(one.source, one.fault): one for one in made.rejected}
    assert told["mixed", "filtered"].rows == 13 and "text matches" in told["mixed", "filtered"].reason
    assert told["mixed", "duplicated"].rows == 20
    assert next(one.rows for one in made.rejected if (one.source, one.fault) == ("sound", "surplus")) == 150
    assert told["bad", "unfit"].whole and made.summary.startswith("chosen ")
    again = await plan(at_work, use("mixed", filters=(short,)), use("sound"), leave("bad"), total_rows=50, seed=4)
    assert again.mixture.rows == 50 and again.mixture.sha256 != made.mixture.sha256


async def test_a_mind_cannot_choose_what_must_not_be(at_work: Curating) -> None:
    task = at_work.request.task
    closed = [one.model_copy(update={"license": "All Rights Reserved"}) for one in task.data if one.name == "sound"]
    data = tuple(one for one in task.data if one.name != "sound") + tuple(closed)
    at_work.request = at_work.request.model_copy(update={"task": task.model_copy(update={"data": data})})
    with pytest.raises(BadForm, match="its licence is 'All Rights Reserved', which forbids training"):
        await plan(at_work, leave("mixed"), leave("bad"), use("sound", weight=1.0))
    with pytest.raises(BadForm, match="give a weight to every source"):
        await plan(at_work, use("mixed"), leave("bad"), use("sound", weight=1.0))
    with pytest.raises(BadForm, match="no source 'test'"):
        await plan(at_work, use("mixed"), leave("bad"), leave("sound"), use("test"))
    with pytest.raises(BadForm, match="its filters take out all"):
        none = Filter(kind="equals", column="iso", values=("never",))
        await plan(at_work, use("mixed", filters=(none,)), leave("bad"), leave("sound"))


async def test_another_choice_is_another_question_to_the_scorer(at_work: Curating) -> None:
    """The same question under the same request gets the same answer, of other rows."""
    asked: list[str] = []

    async def ask(service: str, message: Any) -> Any:
        asked.append(message.model_dump_json())
        return await at_work.scorer.ask(service, message)

    for count in (10, 20):
        filled = form.CurateForm(sources=(use("sound", at_most_rows=count), leave("mixed"), leave("bad")), summary="")
        await form.complete(at_work.request, filled, ask)
    assert len(set(asked)) == 4


async def test_a_preview_says_what_would_be_and_leaves_the_mixture_alone(at_work: Curating) -> None:
    made = await plan(at_work, use("mixed"), use("sound"), leave("bad"))
    before = Path(made.mixture.path).read_bytes()
    choices = [one.model_dump(mode="json") for one in (use("sound", at_most_rows=7), leave("mixed"), leave("bad"))]
    told = await at_work.use(tools.PREVIEW_MIXTURE, sources=choices)
    assert told.startswith("7 rows to train on") and Path(made.mixture.path).read_bytes() == before
    with pytest.raises(ToolFault, match="use at least one source"):
        await at_work.use(tools.PREVIEW_MIXTURE, sources=[one | {"use": False} for one in choices])


async def test_rows_come_in_the_formats_of_trl(at_work: Curating) -> None:
    told = await at_work.use(tools.SHOW_FORMAT, source="sound", format="messages")
    assert told.startswith("300 of 300 rows are messages rows") and "'role': 'user'" in told
    told = await at_work.use(tools.SHOW_FORMAT, source="sound", format="preference", rejected_column="worse")
    assert told.startswith("0 of 300 rows") and "300 are not: no other answer in 'worse'" in told
    formats = (OtherFormat(format="preference", rejected_column="worse"), OtherFormat(format="messages"))
    made = await plan(at_work, use("bad"), leave("mixed"), leave("sound"), formats=formats)
    pairs, messages = made.mixture.converted
    rows = [json.loads(line) for line in Path(pairs.path).read_text().splitlines()]
    assert set(rows[0]) == {"prompt", "chosen", "rejected"} and rows[0]["rejected"] == " 1"
    assert pairs.rows == messages.rows == made.mixture.rows
    with pytest.raises(BadForm, match="no row of the mixture has the format preference"):
        await plan(at_work, use("sound"), leave("mixed"), leave("bad"), formats=(formats[0],))


def test_a_row_with_a_separator_of_lines_in_it_is_converted_whole(tmp_path: Path) -> None:
    rows = [{"prompt": "one\u2028two", "completion": " three\u0085"}]
    path = tmp_path / "m.jsonl"
    mixture = Mixture(
        name="m", path=str(path), sha256=jsonl.write(path, rows), rows=1, weights={"own": 1},
        prompt_tokens_max=1, answer_tokens_max=1,
    )  # fmt: skip
    (made,) = _convert(mixture, [Convert(format="prompt_completion")]).converted
    assert json.loads(Path(made.path).read_text(encoding="utf-8")) == rows[0]
