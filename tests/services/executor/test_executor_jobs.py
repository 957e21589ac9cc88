"""Jobs from the queue to their end: real NATS, real forks, real TRL; one worker with two slots for all tests."""

from __future__ import annotations

import asyncio
import json
import uuid
from pathlib import Path

import psutil
from executor_harness import CrewRun, WorkerProcess, until

from protocol.bus import Bus
from protocol.job import (
    JobAlert,
    JobCancelled,
    JobFailed,
    JobFinished,
    JobLog,
    JobMetric,
    JobStarted,
    Needs,
)
from protocol.journal import Journal
from protocol.queue import submit
from services.trained_model import what_is_missing

FOREVER = ("--steps", "100000", "--pause", "0.02")


async def test_an_sft_job_trains_reports_and_leaves_a_whole_model(run: CrewRun, worker: WorkerProcess) -> None:
    job = await run.submit("sft.py", "--steps", "7", id="sft")
    end = await run.end(job)
    assert isinstance(end, JobFinished), end
    assert (end.steps, end.stopped_early) == (7, False)
    assert what_is_missing(Path(end.model)) is None
    assert end.loss is not None and 0 < end.train_seconds < end.seconds
    (started,) = await run.events(job, JobStarted)
    assert started.warm_start_s < 1.0
    last = [m for m in await run.events(job, JobMetric) if "loss" in m.values][-1]
    assert (last.step, last.max_steps, last.values["loss"]) == (7, 7, end.loss)
    assert last.values["learning_rate"] > 0


async def test_a_grpo_job_reports_its_reward(run: CrewRun, worker: WorkerProcess) -> None:
    job = await run.submit("grpo.py", "--steps", "2", id="grpo")
    end = await run.end(job)
    assert isinstance(end, JobFinished), end
    assert any(m.values.get("reward", 0.0) > 0 for m in await run.events(job, JobMetric))


async def test_figures_are_on_the_bus_while_it_trains(run: CrewRun, worker: WorkerProcess) -> None:
    script = (
        "import time\nfrom transformers.trainer import DEFAULT_CALLBACKS\n"
        "from transformers import TrainerControl, TrainerState, TrainingArguments\n"
        "arguments, state, control = TrainingArguments(use_cpu=True), TrainerState(), TrainerControl()\n"
        "for state.global_step in range(20):\n"
        "    DEFAULT_CALLBACKS[-1].on_log(arguments, state, control, logs={'clock': time.time()})\n"
        "    time.sleep(0.2)\n"
        "open('done', 'w').close()\n"
    )
    job = await run.submit("clock.py", id="clock", script=script)
    early = 0
    async with asyncio.timeout(20):
        async for _, envelope in run.journal.follow():
            if isinstance(envelope.data, JobMetric):
                early += not (Path(job.folder) / "done").exists()
            if isinstance(envelope.data, JobFailed):
                break
    assert early >= 15  # the job was still at it when they came
    assert (await run.end(job)).type == "job_failed"  # it left no model


async def test_the_time_limit_ends_the_training_and_the_model_is_saved(run: CrewRun, worker: WorkerProcess) -> None:
    job = await run.submit("sft.py", *FOREVER, id="limited", seconds=8.0)
    end = await run.end(job)
    assert isinstance(end, JobFinished), end
    assert end.stopped_early and end.steps > 3
    assert end.train_seconds < end.seconds
    assert end.loss == (await run.events(job, JobMetric))[-2].values["loss"]


async def test_a_cancelled_job_is_gone_and_says_so(run: CrewRun, worker: WorkerProcess) -> None:
    job = await run.submit("sft.py", *FOREVER, id="cancelled")
    started = await run.wait(job, JobStarted)
    await run.wait(job, JobMetric)
    await run.cancel(job)
    await until(lambda: not psutil.pid_exists(started.pid), 15.0)
    end = await run.end(job)
    assert isinstance(end, JobCancelled)
    assert (end.reason, end.model) == ("asked", None)
    assert end.steps > 0


async def test_a_job_cancelled_with_save_leaves_its_model(run: CrewRun, worker: WorkerProcess) -> None:
    job = await run.submit("sft.py", *FOREVER, id="saved")
    await run.wait(job, JobMetric)
    await run.cancel(job, save=True)
    end = await run.end(job)
    assert isinstance(end, JobCancelled)
    assert end.model is not None and what_is_missing(Path(end.model)) is None


async def test_a_job_that_ignores_a_cancel_with_save_is_killed_after_its_grace(
    run: CrewRun, worker: WorkerProcess
) -> None:
    job = await run.submit("deaf.py", id="deaf", script="import time\ntime.sleep(60)", grace=0.5)
    await run.wait(job, JobStarted)
    await run.cancel(job, save=True)
    end = await run.end(job, seconds=5)
    assert isinstance(end, JobCancelled) and end.model is None


async def test_a_job_cancelled_while_it_waits_is_never_started(run: CrewRun, worker: WorkerProcess) -> None:
    envelope = run.job(("sft.py",), id="waiting")
    assert envelope.data.type == "job"
    await run.cancel(envelope.data)
    await submit(run.bus, envelope)
    assert isinstance(await run.end(envelope.data), JobCancelled)
    assert await run.events(envelope.data, JobStarted) == []


async def test_a_nan_loss_stops_the_job_at_once(run: CrewRun, worker: WorkerProcess) -> None:
    job = await run.submit("sft.py", *FOREVER, "--spoil-at", "3", id="nan")
    end = await run.end(job)
    assert isinstance(end, JobFailed) and end.reason == "nan"
    *_, alert = await run.events(job, JobAlert)
    assert alert.kill and alert.rule == "nan" and "step 4" in alert.evidence
    assert end.evidence[0] == alert.evidence


async def test_a_failing_script_shows_its_last_lines(run: CrewRun, worker: WorkerProcess) -> None:
    script = "for n in range(30): print('line', n)\nraise KeyError('labels')"
    job = await run.submit("broken.py", id="broken", script=script)
    end = await run.end(job)
    assert isinstance(end, JobFailed)
    assert (end.exit_code, end.signal) == (1, None)
    assert end.reason == "exit code 1: KeyError: 'labels'"
    assert len(end.evidence) == 20 and end.evidence[-1] == "KeyError: 'labels'"
    logged = [line for event in await run.events(job, JobLog) for line in event.lines]
    assert any("left out" in line for line in logged)


async def test_exit_codes_and_signals_are_told(run: CrewRun, worker: WorkerProcess) -> None:
    left = await run.submit("left.py", id="left", script="import sys\nsys.exit(3)")
    crashed = await run.submit(
        "crashed.py", id="crashed", script="import os, signal\nos.kill(os.getpid(), signal.SIGSEGV)"
    )
    one, two = await run.end(left), await run.end(crashed)
    assert isinstance(one, JobFailed) and one.exit_code == 3
    assert isinstance(two, JobFailed) and two.signal == 11 and two.reason == "killed by SIGSEGV"


async def test_a_job_without_a_model_has_failed(run: CrewRun, worker: WorkerProcess) -> None:
    end = await run.end(await run.submit("idle.py", id="idle", script="pass"))
    assert isinstance(end, JobFailed)
    assert end.exit_code == 0 and end.reason == "it left no whole model: no folder model"


async def test_a_job_that_outlives_time_and_grace_is_killed(run: CrewRun, worker: WorkerProcess) -> None:
    job = await run.submit("slow.py", id="slow", script="import time\ntime.sleep(60)", seconds=0.3, grace=0.4)
    end = await run.end(job, seconds=10)
    assert isinstance(end, JobFailed) and end.reason.startswith("time limit 0.3 s + 0.4 s")


async def test_a_job_over_its_memory_limit_is_killed(run: CrewRun, worker: WorkerProcess) -> None:
    script = "import time\nheld = bytearray(b'x') * 1_500_000_000\ntime.sleep(30)"
    job = await run.submit("big.py", id="big", script=script, needs=Needs(memory_gb=1.2))
    end = await run.end(job, seconds=15)
    assert isinstance(end, JobFailed) and end.reason.startswith("memory limit 1.2 GB exceeded")


async def test_a_script_outside_its_folder_is_refused(run: CrewRun, worker: WorkerProcess) -> None:
    end = await run.end(await run.submit("../../evil.py", id="evil", script="pass"))
    assert isinstance(end, JobFailed) and "outside the job's folder" in end.reason


async def test_nothing_that_a_job_started_outlives_it(run: CrewRun, worker: WorkerProcess) -> None:
    seconds = f"300.{uuid.uuid4().int % 10**9}"  # by which they are known: the job sees other process ids than we
    script = (
        "import os, subprocess, time\n"
        f"a = subprocess.Popen(['sleep', '{seconds}'])\n"
        f"b = subprocess.Popen(['sleep', '{seconds}'], start_new_session=True)\n"
        f"c = subprocess.Popen(['sh', '-c', 'setsid sleep {seconds} & wait'])\n"
        "while not os.path.exists('go'): time.sleep(0.05)\n"
    )
    job = await run.submit("daemons.py", id="daemons", script=script)
    await until(lambda: len(sleeping(seconds)) == 3, 20.0)
    (Path(job.folder) / "go").touch()
    await run.end(job)
    assert sleeping(seconds) == []


def sleeping(seconds: str) -> list[psutil.Process]:
    found = psutil.process_iter(["cmdline"])
    return [p for p in found if (p.info["cmdline"] or [])[-2:] == ["sleep", seconds]]


async def test_a_job_does_not_get_the_bus_and_its_random_numbers_are_its_own(
    run: CrewRun, worker: WorkerProcess
) -> None:
    script = (
        "import json, os, random, sys, numpy\n"
        "known = [n for n in os.environ if n.startswith('POSTDOCS')]\n"
        "print(json.dumps([known, sys.argv, os.getcwd(), random.random(), numpy.random.rand()]))"
    )
    jobs = [await run.submit("look.py", "--x", id=f"look{n}", script=script) for n in range(2)]
    seen = []
    for job in jobs:
        await run.end(job)
        (line,) = [x for e in await run.events(job, JobLog) for x in e.lines]
        known, argv, cwd, *drawn = json.loads(line)
        assert (known, argv, cwd) == ([], ["look.py", "--x"], job.folder)
        seen += drawn
    assert len(set(seen)) == 4


async def test_submitting_twice_queues_once_and_an_ended_job_not_again(run: CrewRun, worker: WorkerProcess) -> None:
    envelope = run.job(("idle.py",), id="once", script="import time\ntime.sleep(0.5)")
    assert envelope.data.type == "job"
    assert await submit(run.bus, envelope) is True
    assert await submit(run.bus, envelope) is False
    await run.end(envelope.data)
    assert await submit(run.bus, envelope) is False
    assert len(await run.events(envelope.data, JobStarted)) == 1


async def test_two_runs_on_one_worker_stay_apart(run: CrewRun, worker: WorkerProcess, shared_bus: Bus) -> None:
    other = CrewRun(shared_bus, run.name + "b", run.folder)
    await other.journal.create()
    script = "import os\nprint(os.getcwd())"
    mine, theirs = await run.submit("a.py", id="a", script=script), await other.submit("a.py", id="a", script=script)
    await asyncio.gather(run.end(mine), other.end(theirs))
    assert {e.data.run for _, e in await run.said() if e.data.type == "job"} == {run.name}
    assert [e.lines for e in await run.events(mine, JobLog)] == [(mine.folder,)]
    assert [e.lines for e in await other.events(theirs, JobLog)] == [(theirs.folder,)]
    assert await Journal(shared_bus, run.name).exists()


async def test_the_worker_is_found_on_the_bus(run: CrewRun, worker: WorkerProcess) -> None:
    await run.end(await run.submit("a.py", id="a", script="print('it has started')"))
    answer = json.loads((await run.bus.client.request("$SRV.PING.worker", timeout=10)).data)
    assert answer["name"] == "worker"
    assert answer["metadata"] == {
        "name": "shared", "queue": "default", "device": answer["metadata"]["device"], "backend": "local", "slots": "2",
    }  # fmt: skip
