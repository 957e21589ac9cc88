"""What a fork takes over from the run that it comes from, and what it does not."""

from __future__ import annotations

from pathlib import Path

import pytest

from protocol.bus import Bus
from protocol.envelope import Envelope, wrap
from protocol.errors import BadInput
from protocol.job import Job
from protocol.journal import Journal
from protocol.message import Message, message_id
from protocol.score import Decoding, Shipped, ShipRequest
from protocol.service import reply_id
from protocol.studio import ForkRun, StepTaken
from services.run_folder import RunFolder
from services.studio.fork import fork, retold
from tests.graph import story

PARENT, FORK = "parent", "parent-fork-1"


def said(*messages: Message) -> list[Envelope]:
    return [wrap(message, run=PARENT, sender="test", subject=str(number)) for number, message in enumerate(messages)]


def kept(tmp_path: Path, envelopes: list[Envelope]) -> list[Envelope]:
    return retold(envelopes, RunFolder(tmp_path / PARENT), RunFolder(tmp_path / FORK))


def test_a_job_that_had_not_ended_is_left_to_the_fork(tmp_path: Path) -> None:
    found = kept(tmp_path, said(*story.trained("e1"), *story.running("e2")))
    assert {envelope.data.experiment for envelope in found if isinstance(envelope.data, Job)} == {"e1"}
    assert "e2" not in "".join(envelope.model_dump_json() for envelope in found)


def test_it_says_itself_which_run_it_is_and_which_steps_it_takes(tmp_path: Path) -> None:
    step = StepTaken(number=1, node="critic", thread="t", checkpoint="c")
    assert kept(tmp_path, said(story.brief(), step)) == []


def test_an_answer_is_found_under_the_forks_own_id_and_the_last_ship_is_asked_again(tmp_path: Path) -> None:
    asked, answered = [], []
    for name in ("e1", "e2"):
        request = ShipRequest(candidate=name, model=f"/m/{name}", model_sha256="x", decoding=Decoding(), verdict="v")
        question = wrap(request, run=PARENT, sender="graph", recipient="scorer", id=message_id(PARENT, name))
        about = Shipped(candidate=name, path=f"{tmp_path / PARENT}/final_model", sha256="x")
        asked.append(question)
        answered.append(wrap(about, run=PARENT, sender="scorer", causation=question.id, id=reply_id(question)))
    found = kept(tmp_path, [asked[0], answered[0], asked[1], answered[1]])
    assert [envelope.data.type for envelope in found] == ["ship_request", "shipped", "ship_request"]
    assert found[1].id == reply_id(found[0])
    assert isinstance(found[1].data, Shipped) and found[1].data.path == f"{tmp_path / FORK}/final_model"
    assert {envelope.run for envelope in found} == {FORK}


async def test_its_folder_has_copies_and_neither_a_link_nor_the_sealed_score(bus: Bus, tmp_path: Path) -> None:
    parent, request = RunFolder(tmp_path / PARENT), ForkRun(parent=PARENT, run=FORK, sequence=100, budget=50.0)
    model = parent.root / "jobs" / "e1" / "model" / "model.safetensors"
    model.parent.mkdir(parents=True)
    model.write_bytes(b"weights")
    (parent.sealed / "outcomes").mkdir(parents=True)
    (parent.sealed / "test_score.json").write_text("{}")
    parent.task.write_text("name: t")
    journal = Journal(bus, PARENT)
    await journal.create()
    job = next(m for m in story.trained("e1") if isinstance(m, Job)).model_copy(
        update={"folder": str(model.parents[1])}
    )
    rest = [message for message in story.trained("e1") if not isinstance(message, Job)]
    for envelope in said(story.brief(), job, *rest):
        await journal.append(envelope)

    await fork(bus, parent, request, "{}")
    made = RunFolder(tmp_path / FORK)
    copy = made.root / "jobs" / "e1" / "model" / "model.safetensors"
    assert copy.read_bytes() == b"weights"
    assert copy.stat().st_nlink == 1, "the scorer ships no file that has another name"
    assert (made.sealed / "outcomes").is_dir() and not (made.sealed / "test_score.json").exists()
    told = [envelope async for _, envelope in Journal(bus, FORK).replay()]
    brief = told[0].data
    assert brief.type == "brief" and brief.fork is not None and brief.fork.root == PARENT
    assert brief.task.budget.time == 50
    await fork(bus, parent, request, "{}")
    assert len([1 async for _ in Journal(bus, FORK).replay()]) == len(told), "made once"


async def test_what_had_not_begun_cannot_be_forked(bus: Bus, tmp_path: Path) -> None:
    await Journal(bus, PARENT).create()
    with pytest.raises(BadInput, match="had not begun at that moment"):
        await fork(bus, RunFolder(tmp_path / PARENT), ForkRun(parent=PARENT, run=FORK, sequence=0), "{}")
