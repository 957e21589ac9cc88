"""What stands in the journal stands in the trackers, once, whatever befalls the process in between."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from stores import Trackio, Wandb

from protocol.bus import Bus
from protocol.control import RunEnded, Tracking
from protocol.envelope import wrap
from protocol.job import JobAlert, JobMetric
from protocol.journal import Journal
from protocol.message import Message
from services.bus_server import Connection
from services.tracking.provenance import provenance
from services.tracking.wandb_runs import NOTE
from tests.graph import story
from tests.runs.crew import ROOT

RUN = "r"
JOB = "r-sft-1-0"
CONFIG = "model_name_or_path: /m\nlearning_rate: 0.001\n"


class Tracked:
    """A run's journal, and the tracker as a process."""

    def __init__(self, bus: Bus, connection: Connection, folder: Path) -> None:
        self.journal, self.folder = Journal(bus, RUN), folder
        self.trackio = folder / "trackio"
        self._environment = os.environ | {
            "POSTDOCS_BUS_URL": connection.url,
            "POSTDOCS_BUS_TOKEN": connection.token or "",
            "TRACKIO_DIR": str(self.trackio),
        }
        for name in ("WANDB_API_KEY", "WANDB_MODE"):
            self._environment.pop(name, None)
        self._said = 0

    async def say(self, *messages: Message) -> None:
        for message in messages:
            self._said += 1
            await self.journal.append(wrap(message, run=RUN, sender="test", subject=str(self._said)))

    def start(self, to: str = "both", **environment: str) -> subprocess.Popen[str]:
        arguments = ["--run", RUN, "--to", to, "--folder", str(self.folder / "tracking")]
        command = [sys.executable, "-m", "services.tracking", *arguments]
        environment = self._environment | environment
        return subprocess.Popen(command, env=environment, cwd=ROOT, stderr=subprocess.PIPE, text=True)

    async def to_the_end(self, to: str = "both", **environment: str) -> None:
        """Run the tracker until it has nothing more to do."""
        process = self.start(to, **environment)
        try:
            _, errors = await asyncio.to_thread(process.communicate, timeout=60)
        finally:
            process.kill()
        assert process.returncode == 0, errors

    async def notes(self) -> list[Tracking]:
        return [e.data async for _, e in self.journal.replay() if isinstance(e.data, Tracking)]


@pytest.fixture
async def run(bus: Bus, server: Connection, tmp_path: Path) -> Tracked:
    made = Tracked(bus, server, tmp_path)
    await made.journal.create()
    await made.say(story.brief(), *story.proposed(story.experiment("sft-1"), story.experiment("sft-2", rung=1)))
    return made


def metric(step: int, **values: float) -> Message:
    return JobMetric(job=JOB, experiment="sft-1", at=1.0 + step, step=step, max_steps=99, values=values)


def started() -> list[Message]:
    queued, *rest = story.running("sft-1", at=1.0)
    assert queued.type == "job"
    spec = queued.spec.model_copy(update={"files": {"config.yaml": CONFIG}})  # type: ignore[attr-defined]
    return [queued.model_copy(update={"spec": spec}), *rest]


def a_life() -> list[Message]:
    """A job that is trained, scored and judged, and one that fails."""
    return [
        *started(),
        *(metric(step, loss=1 / step, lr=0.1) for step in (5, 10, 15)),
        metric(15, reward=0.5),
        JobAlert(job=JOB, experiment="sft-1", at=17.0, rule="plateau", evidence="loss 0.1 for 10 steps", kill=False),
        story.trained("sft-1")[-1],
        story.scored("sft-1", 0.7),
        story.critique("sft-1", verdict="promote"),
        story.verdict("sft-1", admitted=True),
        *story.failed("sft-2"),
    ]


def the_end() -> Message:
    none = story.score(0.0)
    figures: dict[str, Any] = {"floor": none, "dev": none, "test": none, "experiments": 2, "killed": 0}
    return RunEnded(
        outcome="target_met", candidate="sft-1", target=None, promoted=1, failed=1, seconds=1, busy=0.5,
        final_model="/m", **figures,
    )  # fmt: skip


async def test_trackio_gets_every_job_with_its_figures_config_alerts_score_and_end(run: Tracked) -> None:
    await run.say(*a_life(), the_end())
    await run.to_the_end("trackio")
    store = Trackio(run.trackio, RUN)
    assert store.points("sft-1-0") == [
        (0, {"job/start_seconds": 0.1}),
        (5, {"loss": 0.2, "lr": 0.1}),
        (10, {"loss": 0.1, "lr": 0.1}),
        (15, {"loss": 1 / 15, "lr": 0.1}),
        (15, {"reward": 0.5}),
        (15, {"dev/score": 0.7, "dev/low": pytest.approx(0.65), "dev/high": 0.75}),
    ]
    assert store.alerts() == [("sft-1-0", "plateau", "loss 0.1 for 10 steps")]
    good, bad = store.configs()["sft-1-0"], store.configs()["sft-2-0"]
    assert (good["_Group"], bad["_Group"]) == ("sft/rung 0", "sft/rung 1")
    assert good["script"] == {"model_name_or_path": "/m", "learning_rate": 0.001, "argv": "sft.py"}
    assert good["experiment"]["recipe"]["learning_rate"] == 1e-3
    assert good["needs"] == {"gpus": 0, "disk_gb": 200.0}
    assert good["versions"]["torch"] and set(good["git"]) == {"commit", "dirty"}
    assert (good["summary"]["status"], good["summary"]["verdict"]) == ("finished", "admitted")
    assert (bad["summary"]["status"], bad["summary"]["reason"]) == ("failed", "boom")
    [note] = await run.notes()
    assert note.tracker == "trackio" and str(run.trackio) in note.where


async def test_wandb_gets_the_same_offline(run: Tracked) -> None:
    await run.say(*a_life(), the_end())
    await run.to_the_end("wandb")
    store = Wandb(run.folder / "tracking")
    assert set(store.runs) == {JOB, "r-sft-2-0"}
    told = store.runs[JOB]
    assert (told.project, told.display_name, told.run_group) == (RUN, "sft-1-0", "sft/rung 0")
    points = store.points[JOB]
    assert [point["_step"] for point in points] == [0, 5, 10, 15]
    assert points[-1] | {"reward": 0.5, "dev/score": 0.7} == points[-1]
    assert store.config[JOB]["script"]["learning_rate"] == 0.001
    assert store.summary[JOB]["verdict"] == "admitted"
    assert store.alerts[JOB] == ["plateau"]
    assert (store.exits[JOB], store.exits["r-sft-2-0"]) == ([0], [1])
    [note] = await run.notes()
    command = f"{Path(sys.executable).parent}/{note.where.partition('send it with: ')[2]} --dry-run"
    tried = await asyncio.to_thread(subprocess.run, command, shell=True, capture_output=True, text=True, cwd=run.folder)
    assert tried.returncode == 0 and JOB in tried.stdout + tried.stderr, tried.stderr


@pytest.mark.parametrize("written", [False, pytest.param(True, marks=pytest.mark.slow)])
async def test_a_tracker_that_is_killed_catches_up_and_doubles_no_step(run: Tracked, written: bool) -> None:
    """Killed soon, or (which takes half a minute) when wandb's own process has written what it had."""

    def so_far() -> object:
        in_files = Wandb(run.folder / "tracking").points.get(JOB) if written else True
        return points_so_far(run) and handed_over(run) > 20 and in_files

    await run.say(*started())
    steps = range(1, 121)
    process = run.start()
    try:
        for step in steps[:60]:
            await run.say(metric(step, loss=1 / step))
        await until(so_far)
    finally:
        process.send_signal(signal.SIGKILL)
        process.communicate()
    for step in steps[60:]:
        await run.say(metric(step, loss=1 / step))
    await run.say(the_end())
    await run.to_the_end()
    assert [step for step, _ in Trackio(run.trackio, RUN).points("sft-1-0")] == [0, *steps]
    told = [int(point["_step"]) for point in Wandb(run.folder / "tracking").points[JOB]]
    assert told == sorted(set(told))
    assert set(steps[60:]) <= set(told)
    if written:
        assert len(set(steps) - set(told)) <= 1  # a row is written when the next begins: the one in hand dies with it
    assert len(await run.notes()) == 2


def handed_over(run: Tracked) -> int:
    """How far in the journal Weights & Biases was told."""
    note = run.folder / "tracking" / NOTE
    return int(note.read_text() or 0) if note.exists() else 0


def points_so_far(run: Tracked) -> list[Any]:
    try:
        return Trackio(run.trackio, RUN).points("sft-1-0")
    except Exception:  # it is being made
        return []


async def test_steps_that_are_done_again_after_a_workers_death_are_not_doubled(run: Tracked) -> None:
    again = [metric(step, loss=0.5) for step in (10, 15, 20)]
    await run.say(*started(), *(metric(step, loss=1.0) for step in (5, 10, 15)), *again, the_end())
    await run.to_the_end()
    points = Trackio(run.trackio, RUN).points("sft-1-0")
    assert [(step, values["loss"]) for step, values in points[1:]] == [(5, 1.0), (10, 1.0), (15, 1.0), (20, 0.5)]
    assert [point["_step"] for point in Wandb(run.folder / "tracking").points[JOB]] == [0, 5, 10, 15, 20]


async def test_a_tracker_that_cannot_write_says_so_once_and_ends_well(run: Tracked) -> None:
    (run.folder / "file").write_text("")
    await run.say(*a_life(), the_end())
    for _ in range(2):
        await run.to_the_end("trackio", TRACKIO_DIR=str(run.folder / "file" / "below"))
    failed = [note for note in await run.notes() if note.failed]
    assert len(failed) == 1
    assert "keeps no record of this run any more: NotADirectoryError" in failed[0].headline()


async def test_a_bad_key_gives_one_tracker_up_and_the_other_goes_on(run: Tracked) -> None:
    await run.say(*a_life(), the_end())
    await run.to_the_end("both", WANDB_API_KEY="bad", WANDB_BASE_URL="http://127.0.0.1:9")
    assert [note.tracker for note in await run.notes() if note.failed] == ["wandb"]
    assert len(Trackio(run.trackio, RUN).points("sft-1-0")) == 6


def test_a_folder_without_a_repository_has_no_git_state(tmp_path: Path) -> None:
    assert "git" not in provenance(tmp_path)
    command = ["git", "-C", str(tmp_path), "-c", "user.name=a", "-c", "user.email=a@b"]
    subprocess.run([*command[:3], "init", "--quiet"], check=True)
    (tmp_path / "a").write_text("one")
    subprocess.run([*command, "add", "a"], check=True)
    subprocess.run([*command, "commit", "--quiet", "--message", "one"], check=True)
    assert provenance(tmp_path)["git"]["dirty"] is False
    (tmp_path / "a").write_text("two")
    assert provenance(tmp_path)["git"]["dirty"] is True
    json.dumps(provenance(tmp_path))


async def until(condition: Any, seconds: float = 120.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not come true"
        await asyncio.sleep(0.05)
