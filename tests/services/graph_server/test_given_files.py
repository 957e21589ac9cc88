"""What a run is handed over with arrives whole, and leads nowhere else than into the run's folder."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
from pydantic import ValidationError

from protocol import subjects
from protocol.bus import Bus
from protocol.errors import BadInput
from protocol.runs import GivenFile
from services.graph_server import given
from services.task_file import load_task
from tests.runs import crew


async def test_all_that_a_task_names_arrives_on_another_machine(bus: Bus, tmp_path: Path) -> None:
    path = crew.last_digit_task(tmp_path / "here", rows=50)
    task, files = given.gather(load_task(path), path.parent, None)
    there = tmp_path / "there"
    await given.fetch(bus, await given.put(bus, files), there)
    assert {"task/train.csv", "task/dev.jsonl", "task/test.jsonl", "task/my_metric.py"} < set(files)
    for name, origin in files.items():
        assert (there / name).read_bytes() == origin.read_bytes()
    moved = there / "task" / "task.yaml"
    moved.write_text(path.read_text().replace(str(crew.TINY), task.base_model))
    assert load_task(moved).base_model == "../model"


async def test_files_of_a_data_folder_and_from_elsewhere_keep_their_meaning(tmp_path: Path) -> None:
    path = crew.last_digit_task(tmp_path / "deep" / "task", rows=50)
    data = tmp_path / "data"
    data.mkdir()
    (path.parent / "train.csv").rename(data / "train.csv")
    (path.parent / "dev.jsonl").rename(tmp_path / "deep" / "dev.jsonl")
    path.write_text(path.read_text().replace("dev.jsonl", "../dev.jsonl"))
    task, files = given.gather(load_task(path, data), path.parent, data)
    assert files["data/train.csv"] == data / "train.csv"
    assert task.data[0].file == "train.csv"
    assert task.eval.dev.file is not None
    assert files[f"task/{task.eval.dev.file}"].resolve() == tmp_path / "deep" / "dev.jsonl"
    assert ".." not in task.eval.dev.file


async def test_the_same_content_is_sent_once(bus: Bus, tmp_path: Path) -> None:
    (tmp_path / "a").write_text("same")
    (tmp_path / "b").write_text("same")
    await given.put(bus, {"task/a": tmp_path / "a"})
    size = (await (await bus.jetstream.object_store(subjects.GIVEN_BUCKET)).status()).size
    await given.put(bus, {"task/b": tmp_path / "b"})
    assert (await (await bus.jetstream.object_store(subjects.GIVEN_BUCKET)).status()).size == size


async def test_a_file_that_is_not_there_or_another_is_refused(bus: Bus, tmp_path: Path) -> None:
    store = await bus.jetstream.create_object_store(subjects.GIVEN_BUCKET)
    missing = GivenFile(name="task/a", sha256=hashlib.sha256(b"a").hexdigest(), size=1)
    with pytest.raises(given.GivenFileBroken, match="it is not there"):
        await given.fetch(bus, (missing,), tmp_path)
    await store.put(missing.sha256, b"b")
    with pytest.raises(given.GivenFileBroken, match="its content is another"):
        await given.fetch(bus, (missing,), tmp_path)
    assert not (tmp_path / "task" / "a").exists()


@pytest.mark.parametrize("name", ["../a", "/etc/passwd", "task/../../a", "", "task\\..\\a"])
def test_no_file_leads_out_of_the_runs_folder(name: str) -> None:
    with pytest.raises(ValidationError):
        GivenFile(name=name, sha256="0" * 64, size=0)


async def test_what_is_too_large_is_refused_with_a_remedy(
    bus: Bus, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(given, "MOST_BYTES", 3)
    (tmp_path / "a").write_text("four")
    with pytest.raises(BadInput, match="put the model on the Hub"):
        await given.put(bus, {"task/a": tmp_path / "a"})
