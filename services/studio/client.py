"""Drives a run on a LangGraph server that holds the crew's graph. Called by `run` and `resume` with `--graph-url`.

Its envelopes come over the server's stream, all of them, so that what is shown here is what is shown of a run on this
machine. The files that a task names are put to the server first (`graph/uploads.py`).
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NoReturn, TypeVar

import httpx
from langgraph_sdk import get_client
from langgraph_sdk.client import LangGraphClient

from protocol.brief import Choices
from protocol.control import RunEnded
from protocol.envelope import Envelope
from protocol.errors import BadInput, PostdocsError, RunUnknown, without_userinfo
from protocol.ledger import Ledger
from protocol.runs import StartRun
from services.graph_server import given
from services.graph_server.client import packed
from services.interruption import Signalled, until_signal
from services.new_run import new_id
from services.studio.approvals import ASSISTANT

Listener = Callable[[int, Envelope, Ledger], None]
Result = TypeVar("Result")
LOOK_SECONDS = 15.0
UPLOAD_SECONDS = 600.0
CLEAN_UP_SECONDS = 2.0


class NoGraphThere(PostdocsError):
    """Nothing answers at the URL."""

    def __init__(self, url: str, why: str) -> None:
        self.url = without_userinfo(url)
        super().__init__(f"no LangGraph server answers at {self.url} ({why}): start one with make studio")


class NotOurGraph(BadInput):
    """Something else answers."""

    def __init__(self, url: str, what: str) -> None:
        self.url = without_userinfo(url)
        super().__init__(f"--graph-url is {self.url}, and {what}: give the URL that make studio prints")


class GraphFailed(PostdocsError):
    """The server says that it could not, or is gone."""

    def __init__(self, what: str, run: str | None, url: str) -> None:
        onward = f"; go on with: {resume_command(run, url)}" if run else ""
        super().__init__(f"{what}{onward}")


class InterruptedHere(PostdocsError):
    """Ctrl-C or SIGTERM: the run stands still there."""

    exit_code = 130

    def __init__(self, run: str | None, url: str, shipped: bool) -> None:
        kept = "the best so far is in final_model/ there" if shipped else "no model was banked yet"
        onward = f"; {kept}. Go on with: {resume_command(run, url)}" if run else ""
        super().__init__(f"interrupted{onward}")


class Refused(PostdocsError):
    """The desk there has said why not."""

    def __init__(self, why: str, exit_code: int) -> None:
        self.exit_code = exit_code
        super().__init__(why)


def resume_command(run: str, url: str) -> str:
    return f"postdocs resume {run} --graph-url {without_userinfo(url)}"


@asynccontextmanager
async def reach(url: str) -> AsyncIterator[LangGraphClient]:
    """A client of the server at `url`, which has the crew's graph. Raises `NoGraphThere`, `NotOurGraph`."""
    if not url.startswith(("http://", "https://")):
        raise NotOurGraph(url, "that is not an http:// or https:// URL")
    await _look(url.rstrip("/"))
    client = get_client(url=url, api_key=None)
    try:
        yield client
    finally:
        await client.aclose()


async def _look(url: str) -> None:
    """Not by the client, which tries again for eight seconds where nothing is."""
    wanted = {"graph_id": ASSISTANT, "limit": 1}
    try:
        async with httpx.AsyncClient(timeout=LOOK_SECONDS) as http:
            found = (await http.post(f"{url}/assistants/search", json=wanted)).raise_for_status().json()
        told = [one["graph_id"] for one in found]
    except httpx.InvalidURL as error:
        raise NotOurGraph(url, f"that is no URL ({error})") from error
    except (httpx.HTTPStatusError, ValueError, TypeError, KeyError) as error:
        raise NotOurGraph(url, "what answers there is no LangGraph server") from error
    except httpx.HTTPError as error:
        raise NoGraphThere(url, str(error) or type(error).__name__) from error
    if told != [ASSISTANT]:
        raise NotOurGraph(url, f"the LangGraph server there has no graph {ASSISTANT!r}")


@dataclass(frozen=True)
class DraftThere:
    """A task that waits for approval in a thread of the server."""

    thread: str
    run: str
    """The id that the run will have."""
    text: str


@dataclass
class RemoteRun:
    """A thread of the server, and the run in it as far as it was heard."""

    client: LangGraphClient
    url: str
    listener: Listener = lambda sequence, envelope, ledger: None
    run: str | None = None
    thread: str = ""
    ledger: Ledger = field(default_factory=Ledger)
    _heard: int = 0
    _at_work: str | None = None
    """Id of what LangGraph calls a run: one invocation of the graph."""

    async def hand_over(self, path: Path, choices: Choices, data: Path | None, budget: float | None) -> RunEnded:
        """Put the files of a task there, start it, and see it to its end."""
        task, files = await packed(path, data, budget)
        self.run = new_id(task.name)
        told = await given.described(files)
        start = StartRun(task=task, text=path.read_text(), files=told, choices=choices)
        await self._put({file.sha256: files[file.name] for file in told})
        await self._make_thread()
        return await self._see_through(input={"run": self.run, "start": start.model_dump(mode="json")})

    async def draft(self, words: str) -> DraftThere:
        """Have a goal in plain words made a task there, which then waits for approval. Raises `Refused`."""
        await self._make_thread()
        await self._go(input={"task": words})
        asked = await self._asked()
        return DraftThere(self.thread, str(asked["run"]), str(asked["shown"]))

    async def approve(self, made: DraftThere) -> RunEnded:
        """Start what was drafted, and see it to its end."""
        self.thread, self.run = made.thread, made.run
        return await self._see_through(command={"resume": True})

    async def resume(self, run: str) -> RunEnded:
        """Go on where a run stands; one that goes on already is taken over. Raises `RunUnknown`."""
        found = await self.client.threads.search(values={"run": run}, sort_by="updated_at", sort_order="desc")
        if not found:
            raise RunUnknown(run, self.url, [])
        drove = [one for one in found if not dict(one["values"] or {}).get("following")]  # others have looked on
        self.run, self.thread = run, (drove or found)[0]["thread_id"]
        return await self._see_through(input=None)

    async def unless_interrupted(self, work: Coroutine[Any, Any, Result]) -> Result:
        """The result of one of the above. Raises `InterruptedHere` on a signal, after the graph's work there has been
        stopped: the run stands still then, and can be resumed."""
        try:
            return await until_signal(work, CLEAN_UP_SECONDS)
        except Signalled:
            with contextlib.suppress(httpx.HTTPError):  # it has ended in the same moment, or the server is gone
                await self._stop()
            raise InterruptedHere(self.run, self.url, bool(self.ledger.shipped)) from None
        except httpx.TransportError as error:
            why = str(error) or type(error).__name__
            raise GraphFailed(f"the connection to {self.url} is lost ({why})", self.run, self.url) from error

    async def _stop(self) -> None:
        if self.thread and self._at_work:
            await self.client.runs.cancel(self.thread, self._at_work, wait=True, action="interrupt")

    async def _make_thread(self) -> None:
        self.thread = (await self.client.threads.create(metadata={"from": "postdocs run"}))["thread_id"]

    async def _put(self, files: dict[str, Path]) -> None:
        """Put them there, where they are not yet. Raises `GraphFailed`."""
        http = self.client.http.client
        for digest, path in files.items():
            place = f"/given/{digest}"
            if (await http.get(place)).status_code == httpx.codes.NO_CONTENT:
                continue
            answer = await http.put(place, content=_parts(path), timeout=UPLOAD_SECONDS)
            if not answer.is_success:
                raise GraphFailed(
                    f"{self.url} does not take {path.name} ({answer.status_code}: {answer.text})", None, ""
                )

    async def _see_through(self, **how: Any) -> RunEnded:
        await self._go(**how)
        if self.ledger.ended is not None:
            return self.ledger.ended
        asked = await self._asked()
        raise Refused(f"{self.run} waits for an answer ({asked.get('question')}): postdocs approve {self.run}", 4)

    async def _go(self, **how: Any) -> None:
        """Run the graph until it ends or asks; tell the listener what is said meanwhile. Raises `GraphFailed`."""
        stream = self.client.runs.stream(
            self.thread,
            ASSISTANT,
            stream_mode=["custom"],
            stream_resumable=True,
            config={"configurable": {"whole_after": self._heard}},
            multitask_strategy="interrupt",
            on_disconnect="continue",
            on_run_created=lambda made: setattr(self, "_at_work", made["run_id"]),
            **how,
        )
        async for part in stream:
            if part.event == "error":
                self._fail(part.data if isinstance(part.data, dict) else {"message": part.data})
            if part.event == "custom" and part.data.get("type") == "envelope":
                self._hear(part.data["sequence"], Envelope.model_validate(part.data["envelope"]))
        self._at_work = None

    def _fail(self, told: dict[str, Any]) -> NoReturn:
        why = str(told.get("message"))
        if told.get("error") == "StepRefused":
            raise BadInput(why)
        raise GraphFailed(f"the graph at {self.url} has stopped: {why}", self.run, self.url)

    def _hear(self, sequence: int, envelope: Envelope) -> None:
        if sequence <= self._heard:
            return
        self._heard = sequence
        self.ledger.apply(envelope)
        self.listener(sequence, envelope, self.ledger)

    async def _asked(self) -> dict[str, Any]:
        """What the graph waits for. Raises `Refused` where it has ended without a run, with what the desk said."""
        state = await self.client.threads.get_state(self.thread)
        asked = [one["value"] for task in state["tasks"] for one in task.get("interrupts") or ()]
        if asked:
            return dict(asked[-1])
        lines: list[dict[str, Any]] = list((state["values"] or {}).get("messages") or ())  # type: ignore[union-attr]
        last = lines[-1] if lines else {}
        code = (last.get("additional_kwargs") or {}).get("exit_code", 4)
        raise Refused(str(last.get("content") or f"the graph at {self.url} has ended without a run"), int(code))


async def _parts(path: Path) -> AsyncIterator[bytes]:
    with path.open("rb") as file:
        while part := await asyncio.to_thread(file.read, 1 << 20):
            yield part
