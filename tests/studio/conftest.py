"""The real thing, once for all tests here: the command of `make studio` on a free port, with roles that think with a
scripted model, so that they call tools. LangGraph's server stands in an environment of its own (`make test-studio`)."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from langgraph_sdk import get_sync_client
from langgraph_sdk.client import SyncLangGraphClient

from agents.minds.scripted import ScriptedServer
from tests.runs import scripted_crew
from tests.runs.crew import ROOT

LANGGRAPH = Path(os.environ.get("POSTDOCS_LANGGRAPH", ROOT / ".venv-studio" / "bin" / "langgraph"))
START_SECONDS = 90.0


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    here = Path(__file__).parent
    for item in items:
        if item.path.is_relative_to(here):
            item.add_marker(pytest.mark.studio)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass
class Studio:
    """One that runs."""

    url: str
    runs_dir: Path
    process: subprocess.Popen[str]

    def client(self) -> SyncLangGraphClient:
        return get_sync_client(url=self.url, api_key=None)


def start(runs_dir: Path, *arguments: str, **variables: str) -> Studio:
    """Start it as `make studio` does, and wait for its welcome."""
    port = free_port()
    command = [sys.executable, "-m", "services.studio", "--langgraph", str(LANGGRAPH), "--port", str(port)]
    command += ["--runs-dir", str(runs_dir), "--track", "none", *arguments]
    process = subprocess.Popen(command, cwd=ROOT, env=os.environ | variables, stdout=subprocess.PIPE, text=True)
    deadline = time.monotonic() + START_SECONDS
    assert process.stdout is not None
    for line in process.stdout:
        if line.startswith("Ctrl-C"):
            return Studio(f"http://127.0.0.1:{port}", runs_dir, process)
        assert time.monotonic() < deadline
    raise AssertionError(f"it ended with {process.wait()}: {(runs_dir / '.studio' / 'langgraph.log').read_text()}")


def stop(studio: Studio) -> int:
    """Ctrl-C, and its exit code."""
    studio.process.send_signal(signal.SIGINT)
    return studio.process.wait(30)


@pytest.fixture(scope="session")
def studio(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Studio]:
    runs_dir = tmp_path_factory.mktemp("studio") / "runs"
    with ScriptedServer(scripted_crew.known_strategies) as model:
        running = start(runs_dir, "--model", "vllm/scripted", VLLM_BASE_URL=model.url)
        yield running
        stop(running)


@pytest.fixture
def client(studio: Studio) -> Iterator[SyncLangGraphClient]:
    with studio.client() as made:
        yield made
