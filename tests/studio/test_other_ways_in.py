"""A run from a task file, approved on the command line; a run of the command line, looked at; what cannot be."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest
from langgraph_sdk.client import SyncLangGraphClient

from services.run_folder import RunFolder
from tests.runs import crew
from tests.studio import threads
from tests.studio.conftest import Studio


def short_task(folder: Path, budget: str = "40s") -> Path:
    return crew.last_digit_task(folder, rows=300, target=0.1, budget=budget)


def test_a_task_file_is_shown_refused_shown_again_and_approved_from_the_command_line(
    client: SyncLangGraphClient, studio: Studio, tmp_path: Path
) -> None:
    task, thread = short_task(tmp_path / "task"), threads.new(client)
    threads.go(client, thread, input={"task": str(task)})
    [asked] = threads.asked(client, thread)
    assert asked["shown"] == task.read_text()
    parts = threads.go(client, thread, command={"resume": "no"})
    assert [line["content"] for line in threads.messages(parts)] == ["Not started."]
    assert not (studio.runs_dir / asked["run"]).exists()

    threads.go(client, thread, input={"task": str(task)})
    [asked] = threads.asked(client, thread)
    done = crew.postdocs("approve", asked["run"], "--runs-dir", studio.runs_dir)
    assert done.returncode == 0, done.stderr
    folder = RunFolder(studio.runs_dir / asked["run"])
    _until(lambda: folder.ended.exists(), 90)
    _until(lambda: client.threads.get(thread)["status"] == "idle", 20)
    assert threads.values(client, thread)["ended"] == _ended(folder)
    assert (folder.final_model / "config.json").is_file()


def test_a_run_that_the_command_line_began_is_followed_to_its_end(
    client: SyncLangGraphClient, studio: Studio, tmp_path: Path
) -> None:
    task, before = short_task(tmp_path / "task", "30s"), set(studio.runs_dir.iterdir())
    running = crew.start("run", task, "--runs-dir", studio.runs_dir, "--json")
    try:
        found: list[Path] = []
        _until(lambda: bool(found.extend(_new(studio.runs_dir, before)) or found), 60)
        folder, thread = RunFolder(found[0]), threads.new(client)
        parts = threads.go(client, thread, input={"run": folder.id})
        assert running.wait(30) in (0, 3)
    finally:
        running.kill()
    nodes = [name for mode, data in parts if mode == "updates" for name in data]
    assert nodes[0] == "intake" and set(nodes[1:]) == {"follow"} and len(nodes) > 3, "shown as it goes on"
    assert {"reviewer", "curator", "engineer", "scorer"} <= {line["name"] for line in threads.messages(parts)}
    shown = threads.values(client, thread)
    assert shown["ended"] == _ended(folder)
    assert shown["ships"] == _ended(folder)["candidate"]
    again = threads.go(client, threads.new(client), input={"run": folder.id[:-2]})
    assert threads.messages(again)[-1]["content"] == threads.messages(parts)[-1]["content"], "and so afterwards"


def test_a_run_is_looked_at_in_a_second_thread_and_goes_on_there_when_the_first_is_stopped(
    client: SyncLangGraphClient, studio: Studio, tmp_path: Path
) -> None:
    task, first, second = short_task(tmp_path / "task"), threads.new(client), threads.new(client)
    threads.go(client, first, input={"task": str(task)})
    run = threads.asked(client, first)[0]["run"]
    driving = client.runs.create(first, threads.GRAPH, command={"resume": True})
    _until(lambda: threads.values(client, first).get("goal"), 60)
    looking = client.runs.create(second, threads.GRAPH, input={"run": run})
    _until(lambda: threads.values(client, second).get("goal"), 60)
    assert threads.values(client, second)["following"]

    client.runs.cancel(first, driving["run_id"], wait=True)
    client.runs.join(second, looking["run_id"])
    assert threads.values(client, second)["messages"][-1]["content"].startswith(f"Nobody drives {run} any more")
    threads.go(client, second, input={"run": run})
    shown = threads.values(client, second)
    assert (shown["run"], shown["ended"]) == (run, _ended(RunFolder(studio.runs_dir / run)))
    assert not list(studio.runs_dir.glob(f"{run}-fork-*")), "it was one run all the time"


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"task": "make me happy"}, "'make me happy' names no task that is known"),
        ({"run": "nobody"}, "no run 'nobody' in"),
        ({"run": "../../etc"}, "'../../etc' cannot name a run"),
        ({}, "Say what the crew is to do"),
        ({"task": "name: half\n"}, "goal"),
        ({"run": "mine", "start": {"task": {}}}, "start.task"),
    ],
    ids=str,
)
def test_what_cannot_be_is_said_by_the_desk(client: SyncLangGraphClient, given: dict[str, Any], told: str) -> None:
    parts = threads.go(client, threads.new(client), input=given)
    [line] = threads.messages(parts)
    assert line["name"] == "desk"
    assert told in line["content"]
    assert "Traceback" not in line["content"]


def _new(runs_dir: Path, before: set[Path]) -> list[Path]:
    fresh = [path for path in set(runs_dir.iterdir()) - before if not path.name.startswith(".")]
    return [path for path in fresh if (path / "brief.json").exists() and (path / "bus" / "server.json").exists()]


def _ended(folder: RunFolder) -> dict[str, Any]:
    told: dict[str, Any] = json.loads(folder.ended.read_text())
    told.pop("type")
    return told


def _until(true: Any, seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.2)
