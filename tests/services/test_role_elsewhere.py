"""`postdocs role`: one role in processes of its own, which share the load, replace one another, and leave politely."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import pytest
from nats.errors import TimeoutError as NatsTimeout
from typer.testing import CliRunner

from protocol.advice import Advice
from protocol.bus import Bus
from protocol.envelope import Envelope, wrap
from protocol.errors import NoAnswer
from protocol.journal import Journal
from protocol.service import reply_id
from services.bus_server import Connection
from services.rehearsal import advice_request

ROLE = '''"""Says who it is, after as many seconds as the user tells."""

import asyncio
import os
from pathlib import Path

from agents.role import Ask, Role
from protocol.advice import Advice, AdviceRequest


async def advise(request: AdviceRequest, ask: Ask) -> Advice:
    Path(request.folder, str(os.getpid())).touch()
    await asyncio.sleep(float(request.tells[0]))
    return Advice(text=str(os.getpid()))


ROLE = Role(name="slow", about="takes its time", after="critic", playbook={AdviceRequest: advise})
'''
RUN = "r1"
Process = asyncio.subprocess.Process


@pytest.fixture
async def journal(bus: Bus) -> Journal:
    made = Journal(bus, RUN)
    await made.create()
    return made


@asynccontextmanager
async def instances(count: int, folder: Path, server: Connection, bus: Bus) -> AsyncIterator[list[Process]]:
    """So many processes, all of them on the bus."""
    (folder / "slow.py").write_text(ROLE)
    argv = (sys.executable, "-m", "services.cli.main", "role", str(folder / "slow.py"), "--bus", server.url)
    environment = os.environ | {"POSTDOCS_BUS_TOKEN": server.token or ""}
    root = Path(__file__).parents[2]
    async with AsyncExitStack() as stack:
        started = []
        for _ in range(count):
            process = await asyncio.create_subprocess_exec(*argv, env=environment, cwd=root)
            stack.push_async_callback(_end, process)
            started.append(process)
        await _until(lambda: _answering(bus, count))
        yield started


async def _end(process: Process) -> None:
    if process.returncode is None:
        process.kill()
    await process.wait()


async def _answering(bus: Bus, count: int) -> bool:
    inbox = bus.client.new_inbox()
    subscription = await bus.client.subscribe(inbox)
    await bus.client.publish("$SRV.PING.slow", b"", reply=inbox)
    found = 0
    while found < count:
        try:
            found += bool((await subscription.next_msg(timeout=0.3)).data)  # without data: nobody is there
        except NatsTimeout:
            break
    await subscription.unsubscribe()
    return found >= count


async def _until(true: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(40):
        while not await true():  # noqa: ASYNC110 another process is waited for
            await asyncio.sleep(0.05)


def question(folder: Path, seconds: float, number: int = 0) -> Envelope:
    asked = advice_request(folder=str(folder), tells=(str(seconds),), number=number)
    return wrap(asked, run=RUN, sender="graph", recipient="slow")


async def asked(bus: Bus, envelope: Envelope, silence: float = 6) -> int:
    answer = await bus.ask(envelope, Advice, timeout=20, silence=silence)
    assert isinstance(answer.data, Advice)
    return int(answer.data.text)


async def at_it(folder: Path) -> int:
    """The process that has a question now."""
    found: list[Path] = []

    async def there() -> bool:
        found[:] = [path for path in folder.iterdir() if path.name.isdigit()]
        return bool(found)

    await _until(there)
    return int(found[0].name)


async def test_two_share_the_load_and_one_that_is_told_to_go_answers_first(
    tmp_path: Path, server: Connection, bus: Bus, journal: Journal
) -> None:
    async with instances(2, tmp_path, server, bus) as running:
        pids = {process.pid for process in running}
        answers = await asyncio.gather(*(asked(bus, question(tmp_path, 0.2, number)) for number in range(16)))
        assert set(answers) == pids
        (tmp_path / "now").mkdir()
        waiting = asyncio.create_task(asked(bus, question(tmp_path / "now", 2.0)))
        leaving = await at_it(tmp_path / "now")
        os.kill(leaving, signal.SIGTERM)
        await asyncio.sleep(0.3)
        later = await asyncio.gather(*(asked(bus, question(tmp_path, 0.0, 100 + number)) for number in range(6)))
        assert set(later) == pids - {leaving}, "it takes no more"
        assert await waiting == leaving
        [gone] = [process for process in running if process.pid == leaving]
        assert await asyncio.wait_for(gone.wait(), 10) == 0
        [last] = [process for process in running if process is not gone]
        last.send_signal(signal.SIGTERM)
        assert await asyncio.wait_for(last.wait(), 10) == 0
        with pytest.raises(NoAnswer, match="no instance of it is on the bus"):
            await bus.ask(question(tmp_path, 0), Advice, timeout=0.5)


async def test_one_killed_in_mid_question_is_replaced_under_the_same_id(
    tmp_path: Path, server: Connection, bus: Bus, journal: Journal
) -> None:
    async with instances(2, tmp_path, server, bus) as running:
        envelope = question(tmp_path, 2.5)
        waiting = asyncio.create_task(asked(bus, envelope, silence=1.5))
        killed = await at_it(tmp_path)
        os.kill(killed, signal.SIGKILL)
        heir = await waiting
        assert heir in {process.pid for process in running} - {killed}
        said = [one async for _, one in journal.replay() if isinstance(one.data, Advice)]
        assert [(one.id, one.causation) for one in said] == [(reply_id(envelope), envelope.id)]


@pytest.mark.parametrize(
    ("argv", "told"),
    [
        (["nobody"], "no role 'nobody' is installed: there are critic"),
        (["critic", "--model", "openai/gpt-5.5"], "needs a key: set OPENAI_API_KEY"),
    ],
)
def test_what_cannot_be_served_is_told_at_once(argv: list[str], told: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from services.cli.main import app

    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    done = CliRunner().invoke(app, ["role", *argv, "--bus", "nats://127.0.0.1:1"])
    assert done.exit_code == 2
    assert told in done.output
