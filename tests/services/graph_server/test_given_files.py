"""What a run is handed over with arrives whole, and leads nowhere else than into the run's folder."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
from pydantic import ValidationError

from protocol import subjects
from protocol.brief import Choices, MindBudget
from protocol.bus import Bus
from protocol.errors import BadInput
from protocol.runs import GivenFile, StartRun
from services.casting import cast
from services.graph_server import client, given
from services.run_folder import RunFolder
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


ROLE = "from agents.role import Role\n\nROLE = Role(name='skeptic', about='doubts', playbook={})\n"


async def test_a_role_that_is_a_file_is_handed_over_by_no_way_but_those_that_the_refusal_names(tmp_path: Path) -> None:
    path = crew.last_digit_task(tmp_path, rows=50)
    (tmp_path / "roles").mkdir()
    (tmp_path / "roles" / "skeptic.py").write_text(ROLE)
    plain = path.read_text()
    with pytest.raises(BadInput, match=r"skeptic\.py is not handed over: install .* take the file away; or serve it"):
        await client.packed(path, None, None)
    for remedy in ("add: {skeptic: {after: critic, elsewhere: true}}", "without: [skeptic]"):
        path.write_text(f"{plain}crew: {{{remedy}}}\n")
        task, files = await client.packed(path, None, None)
        assert not [name for name in files if "skeptic" in name]
        found = cast(task.crew, None)
        assert found.elsewhere("skeptic") == ("elsewhere" in remedy)
        assert found.seated("skeptic") == ("elsewhere" in remedy)


async def test_a_role_that_only_the_graph_server_has_is_its_own_to_look_for(bus: Bus, tmp_path: Path) -> None:
    path = crew.last_digit_task(tmp_path, rows=50)
    crew_there = "{add: {auditor: {after: critic}}, replace: {critic: strict}, without: [scribe]}"
    path.write_text(f"{path.read_text()}crew: {crew_there}\n")
    with pytest.raises(BadInput, match="there is no role 'auditor'"):
        load_task(path)
    task, _ = await client.packed(path, None, None)
    task = task.model_copy(update={"base_model": str(crew.TINY)})
    request = StartRun(task=task, text=path.read_text(), files=(), choices=Choices())
    with pytest.raises(BadInput, match="there is no role 'auditor': install it"):
        await given.unpack(bus, request, RunFolder(tmp_path / "runs" / "r1"), Choices())
    path.write_text(path.read_text().replace(crew_there, "{without: [engineer]}"))
    with pytest.raises(BadInput, match="a crew cannot go without the engineer"):
        await client.packed(path, None, None)


async def test_a_budget_for_a_role_that_the_graph_server_has_not_is_refused_there(bus: Bus, tmp_path: Path) -> None:
    path = crew.last_digit_task(tmp_path, rows=50)
    task, _ = await client.packed(path, None, None)
    budget = task.budget.model_copy(update={"roles": {"auditor": MindBudget(usd=1)}})
    task = task.model_copy(update={"budget": budget, "base_model": str(crew.TINY)})
    request = StartRun(task=task, text=path.read_text(), files=(), choices=Choices())
    with pytest.raises(BadInput, match=r"budget\.roles\.auditor: there is no such role"):
        await given.unpack(bus, request, RunFolder(tmp_path / "runs" / "r1"), Choices())
