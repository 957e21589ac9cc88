"""A job that comes back to a machine goes on from the newest checkpoint that any machine has."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from protocol.job import Job, JobSpec
from services.artifacts.courier import Courier
from services.artifacts.store import Store
from services.executor.files.folder import JobFolder
from services.executor.job.events import Checkpoint, TrainBegan

JOB = Job(
    id="comes-back",
    run="r",
    experiment="e",
    folder="/nowhere/of/the/run",
    spec=JobSpec(files={"train.py": "pass"}, argv=("train.py",), seconds=1),
    inputs={},
)


@pytest.fixture
def machine(tmp_path: Path) -> Callable[[str], Courier]:
    """One with a disk of its own, and the store that all have in common."""
    return lambda name: Courier(Store(str(tmp_path / "store"), tmp_path / name))


async def taken_up(courier: Courier) -> JobFolder:
    """The job's folder as the backend finds it when it begins the job."""
    folder = JobFolder(await courier.fetch(JOB))
    folder.prepare()
    folder.set_torn_checkpoints_aside()
    return folder


def begin(folder: JobFolder, step: int = 0) -> None:
    with folder.events.open("a") as events:
        events.write(TrainBegan(step=step, max_steps=100).model_dump_json() + "\n")


def save(folder: JobFolder, step: int, whole: bool = True) -> Path:
    made = folder.model / f"checkpoint-{step}"
    made.mkdir(parents=True)
    (made / "weights").write_text(f"after step {step}")
    if whole:
        with folder.events.open("a") as events:
            events.write(Checkpoint(step=step, path=str(made.resolve())).model_dump_json() + "\n")
    return made


def send(courier: Courier, folder: JobFolder, checkpoint: Path) -> None:
    courier._store.point(
        f"{JOB.id}/checkpoint", str(checkpoint.relative_to(folder.root)), courier._store.put(checkpoint)
    )


def steps(folder: JobFolder) -> list[str]:
    return [path.name for path in folder.checkpoints()]


async def test_a_machine_that_gets_a_job_back_goes_on_from_what_another_has_sent_since(
    machine: Callable[[str], Courier],
) -> None:
    first, second = machine("first"), machine("second")
    here = await taken_up(first)
    begin(here)
    send(first, here, save(here, 10))
    there = await taken_up(second)
    assert steps(there) == ["checkpoint-10"]
    begin(there, 10)
    send(second, there, save(there, 50))
    back = await taken_up(first)
    assert steps(back) == ["checkpoint-10", "checkpoint-50"]
    assert (back.model / "checkpoint-50" / "weights").read_text() == "after step 50"


async def test_what_was_brought_stays_whole_where_training_had_begun_without_a_checkpoint(
    machine: Callable[[str], Courier],
) -> None:
    first, second = machine("first"), machine("second")
    here = await taken_up(first)
    begin(here)
    with here.events.open("a") as events:
        events.write('{"kind": "metr')  # it died in the middle of a line
    there = await taken_up(second)
    begin(there)
    send(second, there, save(there, 50))
    assert steps(await taken_up(first)) == ["checkpoint-50"]
    assert steps(await taken_up(first)) == ["checkpoint-50"]


async def test_what_was_brought_stays_whole_after_a_second_death(machine: Callable[[str], Courier]) -> None:
    first, second = machine("first"), machine("second")
    here = await taken_up(first)
    begin(here)
    send(first, here, save(here, 10))
    there = await taken_up(second)
    begin(there, 10)
    assert steps(await taken_up(second)) == ["checkpoint-10"]


async def test_a_torn_checkpoint_does_not_stand_in_the_way_of_a_whole_one(machine: Callable[[str], Courier]) -> None:
    first = machine("first")
    here = await taken_up(first)
    begin(here)
    sent = save(here, 50)
    send(first, here, sent)
    (sent / "weights").unlink()
    (sent / "weights").write_text("another")
    here.events.write_text(TrainBegan(step=0, max_steps=100).model_dump_json() + "\n")
    save(here, 60, whole=False)
    back = await taken_up(first)
    assert steps(back) == ["checkpoint-50"]
    assert (back.model / "checkpoint-50" / "weights").read_text() == "after step 50"


async def test_a_machine_that_is_ahead_of_the_store_keeps_its_own(machine: Callable[[str], Courier]) -> None:
    first = machine("first")
    here = await taken_up(first)
    begin(here)
    send(first, here, save(here, 10))
    save(here, 20)
    (here.model / "checkpoint-20" / "weights").write_text("here")
    back = await taken_up(first)
    assert steps(back) == ["checkpoint-10", "checkpoint-20"]
    assert (back.model / "checkpoint-20" / "weights").read_text() == "here"


async def test_what_is_brought_follows_no_link_that_a_job_has_left(
    machine: Callable[[str], Courier], tmp_path: Path
) -> None:
    first, second = machine("first"), machine("second")
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "events.jsonl").write_text("")
    here = await taken_up(first)
    here.model.symlink_to(outside)
    here.events.symlink_to(outside / "events.jsonl")
    there = await taken_up(second)
    begin(there)
    send(second, there, save(there, 50))
    assert steps(await taken_up(first)) == ["checkpoint-50"]
    assert [path.name for path in outside.iterdir()] == ["events.jsonl"]
    assert (outside / "events.jsonl").read_text() == ""


@pytest.mark.parametrize("name", ["../checkpoint-50", "/tmp/checkpoint-50", "model", "output.log"])
async def test_a_name_that_is_no_checkpoint_of_the_job_is_not_brought(
    machine: Callable[[str], Courier], tmp_path: Path, name: str
) -> None:
    first = machine("first")
    (tmp_path / "file").write_text("x")
    first._store.point(f"{JOB.id}/checkpoint", name, first._store.put(tmp_path / "file"))
    here = await taken_up(first)
    assert steps(here) == []
    assert {path.name for path in here.root.iterdir()} == {"train.py"}
    assert not Path("/tmp/checkpoint-50").exists()
