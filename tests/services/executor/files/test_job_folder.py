"""What stands in a job's folder, and whether a model is whole."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from protocol.job import Job, JobSpec, Needs
from services.executor.files.folder import BadJobFolder, JobFolder
from services.executor.files.model_folder import what_is_missing
from services.executor.inventory.device import device_name, used
from services.executor.job.events import Checkpoint, TrainBegan


def folder(root: Path, **files: str) -> JobFolder:
    spec = JobSpec(files=files or {"train.py": "pass"}, argv=("train.py",), seconds=1)
    return JobFolder(Job(id="j", run="r", experiment="e", folder=str(root), spec=spec))


def write_model(path: Path, *, cut: int = 0) -> None:
    path.mkdir(parents=True, exist_ok=True)
    (path / "config.json").write_text("{}")
    header = json.dumps({"w": {"dtype": "F32", "shape": [4], "data_offsets": [0, 16]}}).encode()
    data = len(header).to_bytes(8, "little") + header + bytes(16)
    (path / "model.safetensors").write_bytes(data[: len(data) - cut])


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


def test_a_whole_model_lacks_nothing(tmp_path: Path) -> None:
    write_model(tmp_path / "model")
    assert what_is_missing(tmp_path / "model") is None


def test_each_missing_part_of_a_model_is_named(tmp_path: Path) -> None:
    model = tmp_path / "model"
    assert what_is_missing(model) == "no folder model"
    model.mkdir()
    assert what_is_missing(model) == "no model/config.json"
    (model / "config.json").write_text("{}")
    assert what_is_missing(model) == "no weights (*.safetensors) in model"
    write_model(model, cut=3)
    assert what_is_missing(model) == "model/model.safetensors is cut short"
    write_model(model)
    (model / "model.safetensors.index.json").write_text('{"weight_map": {"w": "model-00002.safetensors"}}')
    assert what_is_missing(model) == "no model/model-00002.safetensors"


def test_the_device_is_named_as_the_driver_names_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    assert device_name(tmp_path) == "cpu"
    for number in range(2):
        (tmp_path / f"0000:0{number}").mkdir()
        (tmp_path / f"0000:0{number}" / "information").write_text("Model: \t\t NVIDIA H200\nIRQ: 1\n")
    assert device_name(tmp_path) == "2 × NVIDIA H200"
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    assert device_name(tmp_path) == "cpu"


def test_a_job_that_asks_for_no_gpu_runs_on_the_cpu_of_a_machine_that_has_one() -> None:
    spec = JobSpec(files={}, argv=("sft.py",), seconds=1.0)
    assert used(spec, "NVIDIA H200") == "cpu"
    assert used(spec.model_copy(update={"needs": Needs(gpus=1)}), "NVIDIA H200") == "NVIDIA H200"
