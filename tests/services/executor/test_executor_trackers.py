"""A script that reports to trackers by itself (TRL's `report_to`) can do so in its sandbox: offline, in its folder."""

from __future__ import annotations

from pathlib import Path

from executor_harness import CrewRun, WorkerProcess

from protocol.job import JobFailed

SCRIPT = """
import os
from pathlib import Path
from transformers.integrations import TrackioCallback, WandbCallback  # what `report_to` names
import trackio, wandb

trackio.init(project="mine", name="one")
trackio.log({"loss": 1.0}, step=1)
trackio.finish()
run = wandb.init(project="mine", name="one")
run.log({"loss": 1.0}, step=1)
run.finish()
here = Path.cwd()
stores = [*here.rglob("mine.db"), *here.rglob("offline-run-*/run-*.wandb")]
print("stores:", len(stores), all(path.stat().st_size for path in stores))
raise SystemExit(3)
"""


async def test_a_script_reports_to_trackers_in_its_own_folder(worker: WorkerProcess, run: CrewRun) -> None:
    job = await run.submit("track.py", id="tracks", script=SCRIPT)
    end = await run.end(job, seconds=120)
    assert isinstance(end, JobFailed) and end.exit_code == 3, end
    assert "stores: 2 True" in end.evidence
    assert list(Path(job.folder).rglob("mine.db"))
