"""What stands in a job's folder."""

from __future__ import annotations

from pathlib import Path

import pytest

from protocol.job import Job, JobSpec
from services.executor.files.folder import BadJobFolder, JobFolder
from services.executor.job.events import Checkpoint, TrainBegan


def folder(root: Path, **files: str) -> JobFolder:
    spec = JobSpec(files=files or {"train.py": "pass"}, argv=("train.py",), seconds=1)
    return JobFolder(Job(id="j", run="r", experiment="e", folder=str(root), spec=spec))


@pytest.mark.parametrize("name", ["../evil.py", "/tmp/evil.py", "a/../../evil.py", "."])
def test_a_file_outside_the_folder_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(BadJobFolder, match="outside"):
        folder(tmp_path / "job", **{name: "x"}).prepare()
    assert not (tmp_path / "evil.py").exists()


def test_files_are_written_and_what_was_there_stays(tmp_path: Path) -> None:
    (tmp_path / "checkpoint-3").mkdir()
    made = folder(tmp_path, **{"train.py": "print(1)", "conf/a.yaml": "x: 1"})
    made.prepare()
    assert (tmp_path / "conf" / "a.yaml").read_text() == "x: 1"
    assert made.checkpoints() == [tmp_path / "checkpoint-3"]


def test_checkpoints_are_ordered_by_step_not_by_name(tmp_path: Path) -> None:
    for step in (100, 20, 3):
        (tmp_path / "out" / f"checkpoint-{step}").mkdir(parents=True)
    assert [path.name for path in folder(tmp_path).checkpoints()] == ["checkpoint-3", "checkpoint-20", "checkpoint-100"]


def test_a_checkpoint_that_was_not_finished_is_set_aside(tmp_path: Path) -> None:
    for step in (10, 20):
        (tmp_path / f"checkpoint-{step}").mkdir()
    noted = (TrainBegan(step=0, max_steps=30), Checkpoint(step=10, path=str(tmp_path / "checkpoint-10")))
    made = folder(tmp_path)
    made.events.write_text("".join(e.model_dump_json() + "\n" for e in noted) + '{"kind": "chec')
    made.set_torn_checkpoints_aside()
    assert [path.name for path in made.checkpoints()] == ["checkpoint-10"]


def test_checkpoints_of_a_script_without_a_trainer_are_left_alone(tmp_path: Path) -> None:
    (tmp_path / "checkpoint-10").mkdir()
    made = folder(tmp_path)
    made.set_torn_checkpoints_aside()
    assert [path.name for path in made.checkpoints()] == ["checkpoint-10"]
