"""The role in Node.js, written from the AsyncAPI document: acknowledges, beats, answers once, leaves politely."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import signal
import subprocess
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from protocol import subjects
from protocol.advice import Advice
from protocol.bus import Bus
from protocol.control import Tell, Working
from protocol.envelope import Envelope, wrap
from protocol.errors import AnswerFailed, NoAnswer
from protocol.journal import Journal
from protocol.message import Message
from protocol.schema import asyncapi
from protocol.service import reply_id
from protocol.thought import Question, Reply
from services.bus_server import Connection
from services.rehearsal import TASK, advice_request
from tests.runs import crew

HOME = Path(__file__).parents[2] / "examples" / "node_role"
NAME = "timekeeper"
RUN = "r1"
NO_NETWORK = ("ENOTFOUND", "EAI_AGAIN", "ECONNREFUSED", "ETIMEDOUT")
Start = Callable[..., "asyncio.Future[asyncio.subprocess.Process]"]


@pytest.fixture(scope="session")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the example with the package that it needs."""
    if shutil.which("node") is None or shutil.which("npm") is None:
        pytest.skip("node and npm are not installed: apt-get install nodejs npm")
    folder = tmp_path_factory.mktemp("node") / "role"
    shutil.copytree(HOME, folder, ignore=shutil.ignore_patterns("node_modules"))
    npm = ["npm", "install", "--no-audit", "--no-fund", "--no-package-lock", "--loglevel=error"]
    done = subprocess.run(npm, cwd=folder, capture_output=True, text=True, timeout=180)
    if done.returncode != 0 and any(sign in done.stderr for sign in NO_NETWORK):
        pytest.skip(f"the npm registry cannot be reached: {done.stderr.strip().splitlines()[0]}")
    assert done.returncode == 0, done.stderr
    return folder


@pytest.fixture
async def start(installed: Path, server: Connection, bus: Bus) -> AsyncIterator[Start]:
    """`await start(think=0.5)`: one more instance, on the bus."""
    await Journal(bus, RUN).create()
    async with AsyncExitStack() as stack:

        async def one(think: float = 0.0) -> asyncio.subprocess.Process:
            given = {"POSTDOCS_BUS_URL": server.url, "POSTDOCS_BUS_TOKEN": server.token or ""}
            environment = os.environ | given | {"TIMEKEEPER_THINK_MS": str(round(think * 1000))}
            process = await asyncio.create_subprocess_exec(
                "node", "timekeeper.js", cwd=installed, env=environment, stdout=asyncio.subprocess.PIPE
            )
            stack.push_async_callback(_end, process)
            assert process.stdout is not None
            line = await asyncio.wait_for(process.stdout.readline(), 20)
            assert b"answers on" in line
            return process

        yield one  # type: ignore[misc]


async def _end(process: asyncio.subprocess.Process) -> None:
    if process.returncode is None:
        process.kill()
    await process.wait()


def question(message: Message | None = None) -> Envelope:
    return wrap(message or advice_request(), run=RUN, sender="graph", recipient=NAME)


async def heard(bus: Bus, envelope: Envelope) -> list[Envelope]:
    """All that an asker hears, the answer last."""
    inbox = bus.client.new_inbox()
    subscription = await bus.client.subscribe(inbox)
    await bus.client.publish(subjects.ask(NAME), envelope.model_dump_json().encode(), reply=inbox)
    said: list[Envelope] = []
    while not said or isinstance(said[-1].data, Working):
        said.append(Envelope.model_validate_json((await subscription.next_msg(timeout=10)).data))
    await subscription.unsubscribe()
    return said


async def test_it_acknowledges_beats_answers_and_journals_once(start: Start, bus: Bus) -> None:
    await start(think=1.3)
    envelope = question()
    said = await heard(bus, envelope)
    assert [one.data.type for one in said] == ["working", "working", "advice"]
    answer = said[-1]
    assert isinstance(answer.data, Advice)
    assert answer.data.text == "310 s are left, room for 10 more jobs of 30 s."
    assert (answer.id, answer.sender, answer.causation) == (reply_id(envelope), NAME, envelope.id)
    journal = Journal(bus, RUN)
    assert await journal.find(answer.id) == answer
    [once_more] = [one for one in await heard(bus, envelope) if not isinstance(one.data, Working)]
    assert once_more == answer and await journal.last_sequence() == 1


async def test_it_talks_and_says_what_it_does_not_answer(start: Start, bus: Bus) -> None:
    await start()
    asked = advice_request()
    talk = Question(text="how long?", task=TASK, folder=".", task_folder=".", digest=asked.digest)
    answer = await bus.ask(question(talk), Reply, timeout=5)
    assert isinstance(answer.data, Reply) and answer.data.text == "300 s of training are left."
    with pytest.raises(AnswerFailed, match="timekeeper does not answer tell; it answers advice_request,question"):
        await bus.ask(question(Tell(text="a")), Message, timeout=5)
    info = json.loads((await bus.client.request(f"$SRV.INFO.{NAME}", b"", timeout=2)).data)
    assert info["endpoints"][0]["queue_group"] == "q" and "time is left" in info["description"]


async def test_one_that_is_killed_is_replaced_and_one_that_is_told_to_go_answers_first(start: Start, bus: Bus) -> None:
    first = await start(think=30)
    waiting = asyncio.create_task(bus.ask(question(), Advice, timeout=15, silence=1.5))
    await asyncio.sleep(0.5)
    second = await start(think=1.0)
    first.kill()
    assert isinstance((await waiting).data, Advice)
    last = asyncio.create_task(bus.ask(question(advice_request(number=3)), Advice, timeout=5))
    await asyncio.sleep(0.3)
    second.send_signal(signal.SIGTERM)
    assert isinstance((await last).data, Advice)
    assert await asyncio.wait_for(second.wait(), 10) == 0
    with pytest.raises(NoAnswer):
        await bus.ask(question(advice_request(number=4)), Advice, timeout=0.5)


def test_what_it_says_is_in_the_document_that_it_was_written_from() -> None:
    document = asyncapi()
    channel = document["channels"]["role"]
    assert channel["address"] == "ask.{role}"
    assert {"advice_request", "advice", "question", "reply", "working", "failure"} <= set(channel["messages"])
    told = document["info"]["description"]
    for word in ("queue group `q`", "0x1f", "Nats-Expected-Last-Subject-Sequence", "10071", "SHA-256"):
        assert word in told


@pytest.mark.slow
async def test_it_speaks_in_a_run(start: Start, server: Connection, tmp_path: Path) -> None:
    await start()
    task = crew.last_digit_task(tmp_path / "task", budget="45s", target=0.2)
    place = f"crew: {{add: {{{NAME}: {{after: critic, elsewhere: true}}}}}}\n"
    task.write_text(task.read_text() + place)
    arguments = ("run", task, "--bus", server.url, "--runs-dir", tmp_path / "runs")
    done = await asyncio.to_thread(crew.postdocs, *arguments, POSTDOCS_BUS_TOKEN=server.token or "")
    assert done.returncode == 0, done.stderr
    assert f"role: {NAME} after critic (elsewhere)" in done.stdout
    assert f"{NAME} → graph: " in done.stdout and "more jobs of" in done.stdout
    folder = crew.only_run(tmp_path / "runs")
    assert NAME in folder.report.read_text()
    asked = ("ask", folder.id, NAME, "how long?", "--runs-dir", tmp_path / "runs")
    talk = await asyncio.to_thread(crew.postdocs, *asked, POSTDOCS_BUS_TOKEN=server.token or "")
    assert "s of training are left." in talk.stdout, talk.stderr
