"""`postdocs run TASK --graph-url`: dialogue, ending and exit code of a run whose graph is on that server."""

from __future__ import annotations

import asyncio
import json
import re
import shlex
import signal
from collections import Counter
from pathlib import Path

from protocol.job import Job, JobEvent
from protocol.subjects import token
from services.run_folder import RunFolder
from tests.runs import crew
from tests.studio import threads
from tests.studio.conftest import Studio, start, stop


def test_a_run_there_is_told_as_one_here_and_goes_on_after_ctrl_c(studio: Studio, tmp_path: Path) -> None:
    task = crew.last_digit_task(tmp_path / "task", rows=600, budget="40s")
    running = crew.start("run", task, "--graph-url", studio.url, "--model", "playbook")
    assert running.stdout is not None
    said: list[str] = []
    for line in running.stdout:
        said.append(line)
        if "started" in line and "sft" in line:
            running.send_signal(signal.SIGINT)
    assert running.wait(30) == 130
    resume = re.search(r"Go on with: postdocs (resume \S+ --graph-url \S+)", said[-1])
    assert resume, said[-1]

    done = crew.postdocs(*shlex.split(resume[1]), limit=120)
    folder = RunFolder(studio.runs_dir / resume[1].split()[1])
    outcome = json.loads(folder.ended.read_text())["outcome"]
    assert done.returncode == (0 if outcome == "better_than_floor" else 3), done.stderr
    watched = crew.postdocs("watch", folder.id, "--runs-dir", studio.runs_dir)
    assert done.stdout == watched.stdout, "word for word what is told of a run on this machine"
    assert "".join(said[:-1]).strip() in done.stdout

    journal = asyncio.run(crew.told(folder))
    jobs = [one.data.id for one in journal if isinstance(one.data, Job)]
    ends = Counter(
        one.data.job for one in journal if isinstance(one.data, JobEvent) and token(one.type[9:]) == "job_end"
    )
    assert len(jobs) == len(set(jobs)) and set(ends.values()) == {1}, "nothing is trained twice"
    assert (folder.given / "task" / "my_metric.py").is_file(), "its files came over HTTP"
    models = json.loads(folder.brief.read_text())["models"]
    assert models == ["default=playbook"]


def test_a_goal_in_plain_words_is_made_a_task_there_and_run_after_approval(studio: Studio, tmp_path: Path) -> None:
    rows = crew.last_digit_task(tmp_path / "digits", rows=600).parent / "train.csv"
    goal = f"Improve {crew.TINY} on {rows} in 20 seconds"
    asked = crew.postdocs("run", goal, "--graph-url", studio.url)
    assert asked.returncode == 2
    assert "time: 20s" in asked.stderr and asked.stderr.strip().endswith("approve the task by --yes")
    done = crew.postdocs("run", goal, "--graph-url", studio.url, "--yes", "--json")
    told = json.loads(done.stdout)
    assert done.returncode == (0 if told["outcome"] == "better_than_floor" else 3)
    assert (Path(told["final_model"]) / "config.json").is_file()


def test_what_the_server_refuses_is_one_sentence(studio: Studio, tmp_path: Path) -> None:
    unknown = crew.postdocs("resume", "nobody", "--graph-url", studio.url)
    assert unknown.returncode == 2
    assert unknown.stderr == f"postdocs: no run 'nobody' in {studio.url} (there is none yet)\n"
    words = crew.postdocs("run", "make me happy", "--graph-url", studio.url)
    assert words.returncode == 2
    assert "names no task that is known" in words.stderr


def test_ctrl_c_stops_all_of_it_and_another_start_has_the_threads(tmp_path: Path) -> None:
    runs_dir = tmp_path / "runs"
    first = start(runs_dir)
    with first.client() as client:
        thread = threads.new(client)
        threads.go(client, thread, input={"task": str(crew.last_digit_task(tmp_path / "task", rows=100))})
    [pid] = crew.alive(f"--port {first.url.rsplit(':', 1)[1]} --runs-dir")
    assert pid == first.process.pid
    assert stop(first) == 0
    assert crew.alive(str(runs_dir)) == []
    second = start(runs_dir)
    try:
        with second.client() as client:
            assert len(threads.asked(client, thread)) == 1
    finally:
        stop(second)
