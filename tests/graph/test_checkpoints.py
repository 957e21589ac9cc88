"""One contract for all checkpointers: a machine that was stopped goes on where it stood, with bounded state."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from langchain_core.messages import AIMessage
from langchain_core.runnables import RunnableConfig
from langgraph.graph import END, START, StateGraph

from graph.checkpoints import VARIABLE, open_checkpoints
from graph.state import DIALOGUE, CrewState
from protocol.errors import BadInput


def postgres_binaries() -> Path | None:
    """Debian keeps them beside the path."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    if found:
        return found[-1].parent
    initdb = shutil.which("initdb")
    return Path(initdb).parent if initdb else None


@pytest.fixture(scope="module")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A PostgreSQL server of our own, on a free port."""
    binaries = postgres_binaries()
    if binaries is None:
        pytest.skip("PostgreSQL is not installed")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    folder = Path("/tmp") / f"postdocs-pg-{os.getpid()}"
    folder.mkdir()
    user = {"user": "postgres"} if os.geteuid() == 0 else {}  # it refuses to run as root
    if user:
        shutil.chown(folder, "postgres")
    data = folder / "data"
    subprocess.run(
        [binaries / "initdb", "-D", data, "-A", "trust", "-U", "crew"],
        check=True,
        capture_output=True,
        timeout=60,
        **user,
    )
    server = subprocess.Popen(
        [binaries / "postgres", "-D", data, "-p", str(port), "-k", folder, "-h", "127.0.0.1"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        **user,
    )
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                break
        time.sleep(0.1)
    time.sleep(0.5)
    yield f"postgresql://crew@127.0.0.1:{port}/postgres"
    server.terminate()
    server.wait(timeout=20)
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(params=["sqlite", "postgres"])
def kind(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    if request.param == "postgres":
        monkeypatch.setenv(VARIABLE, request.getfixturevalue("postgres"))
    else:
        monkeypatch.delenv(VARIABLE, raising=False)
    return str(request.param)


class Crash(Exception):
    """The process dies in the middle of a step."""


async def test_a_machine_goes_on_from_the_step_it_died_in(kind: str, tmp_path: Path) -> None:
    visits: list[str] = []

    async def one(state: CrewState) -> CrewState:
        visits.append("one")
        return {"turn": 1, "messages": [AIMessage(content=f"line {n}", name="critic") for n in range(2 * DIALOGUE)]}

    async def two(state: CrewState) -> CrewState:
        visits.append("two")
        if visits.count("two") == 1:
            raise Crash
        return {"turn": state["turn"] + 1}

    graph = StateGraph(CrewState)
    graph.add_node("one", one)
    graph.add_node("two", two)
    graph.add_edge(START, "one")
    graph.add_edge("one", "two")
    graph.add_edge("two", END)
    config = RunnableConfig(configurable={"thread_id": f"run-{kind}"})
    async with open_checkpoints(tmp_path / "checkpoints.sqlite") as saver:
        with pytest.raises(Crash):
            await graph.compile(checkpointer=saver).ainvoke(CrewState(run="r"), config)
    async with open_checkpoints(tmp_path / "checkpoints.sqlite") as saver:
        ended = await graph.compile(checkpointer=saver).ainvoke(None, config)
    assert visits == ["one", "two", "two"]
    assert (ended["run"], ended["turn"]) == ("r", 2)
    assert len(ended["messages"]) == DIALOGUE
    assert ended["messages"][-1].name == "critic"


async def test_a_url_that_is_not_postgres_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv(VARIABLE, "mysql://somewhere")
    with pytest.raises(BadInput, match="must begin with postgresql"):
        async with open_checkpoints(tmp_path / "c.sqlite"):
            raise AssertionError("unreachable")
