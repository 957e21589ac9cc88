"""A benchmark's process: bounded in time, stopped with the scorer, and without secrets."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from services.run_folder import RunFolder
from services.scorer.harness.ask import listed
from services.scorer.harness.process import SETTING, HarnessFailed, HarnessStopped, environment, last_words, run
from tests.graph import story

SLEEPS = (
    "import os, subprocess, sys, time; child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)'])"
)
TELLS = f"{SLEEPS}; open('pids', 'w').write(f'{{os.getpid()}} {{child.pid}}'); time.sleep(60)"


def gone(pid: int) -> bool:
    for _ in range(200):
        try:
            if Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z":
                return True
        except FileNotFoundError:
            return True
        time.sleep(0.05)
    return False


def pids(folder: Path) -> list[int]:
    while not (folder / "pids").exists() or not (folder / "pids").read_text().count(" "):
        time.sleep(0.02)
    return [int(pid) for pid in (folder / "pids").read_text().split()]


def test_what_takes_too_long_is_killed_with_all_that_it_started(tmp_path: Path) -> None:
    with pytest.raises(HarnessFailed, match="took more than 2 s"):
        run([sys.executable, "-c", TELLS], tmp_path, os.environ, tmp_path / "log", 2.0)
    assert all(gone(pid) for pid in pids(tmp_path))


def test_a_harness_that_ends_without_a_reply_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A task's own code may end the process in good order."""
    python = tmp_path / "python"
    python.write_text("#!/bin/sh\nexit 0\n")
    python.chmod(0o700)
    monkeypatch.setenv(SETTING, str(python))
    task = story.TASK.model_copy(update={"metric": "inspect:a.py", "eval": None})
    with pytest.raises(HarnessFailed, match="it gave no reply"):
        listed(task, tmp_path, RunFolder(tmp_path / "run"), task.metric)
    assert not list((tmp_path / "run" / "sealed").iterdir())


def test_it_stops_with_the_scorer(tmp_path: Path) -> None:
    stopping = threading.Event()
    threading.Timer(0.3, stopping.set).start()
    with pytest.raises(HarnessStopped):
        run([sys.executable, "-c", "import time; time.sleep(60)"], tmp_path, os.environ, tmp_path / "log", 60, stopping)


def test_it_dies_with_a_scorer_that_is_killed(tmp_path: Path) -> None:
    code = (
        "import os, sys; from pathlib import Path\nfrom services.scorer.harness.process import run\n"
        f"place = Path({str(tmp_path)!r})\n"
        f"run([sys.executable, '-c', {TELLS!r}], place, os.environ, place / 'log', 60)"
    )
    scorer = subprocess.Popen([sys.executable, "-c", code], cwd=Path(__file__).parents[3])
    harness, child = pids(tmp_path)
    scorer.kill()
    scorer.wait()
    try:
        assert gone(harness)
    finally:
        os.kill(child, signal.SIGKILL)  # what a harness has started itself is the harness's to end


def test_what_it_said_last_is_told(tmp_path: Path) -> None:
    with pytest.raises(HarnessFailed, match="ended with 3: no room"):
        run([sys.executable, "-c", "print('no room'); exit(3)"], tmp_path, os.environ, tmp_path / "log", 60)
    with pytest.raises(HarnessFailed, match="cannot be started"):
        run(["/no/such/program"], tmp_path, os.environ, tmp_path / "log", 60)
    (tmp_path / "log").write_bytes(b"\xff\n\n")
    assert last_words(tmp_path / "log") == "\ufffd"


def test_it_sees_what_it_was_given_and_nothing_else() -> None:
    given = {"PATH": "/bin", "HF_HUB_OFFLINE": "1", "HF_TOKEN": "t", "OPENAI_API_KEY": "k", "POSTDOCS_BUS_TOKEN": "b"}
    plain = environment((), given)
    assert not {"HF_TOKEN", "OPENAI_API_KEY", "POSTDOCS_BUS_TOKEN"} & plain.keys()
    assert (plain["HF_HUB_OFFLINE"], plain["HF_HUB_DISABLE_IMPLICIT_TOKEN"]) == ("1", "1")
    asked = environment(("HF_TOKEN", "ABSENT"), given)
    assert asked["HF_TOKEN"] == "t"
    assert not {"OPENAI_API_KEY", "ABSENT", "HF_HUB_DISABLE_IMPLICIT_TOKEN"} & asked.keys()
