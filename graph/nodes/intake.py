"""intake, approve, follow: how a run begins in Studio, or is looked at. The crew's own nodes come after them."""

from __future__ import annotations

import asyncio
import contextlib
from typing import Any, Literal

from langchain_core.messages import AIMessage, BaseMessage, HumanMessage
from langgraph.runtime import Runtime
from langgraph.types import Command
from pydantic import ValidationError

from graph.approvals import approval
from graph.context import CrewContext
from graph.live import Hearing, Live
from graph.panel import panel
from graph.studio_state import StudioState, cursor
from graph.time_travel import begun
from protocol.control import Tell
from protocol.errors import AnswerFailed, BadInput, PostdocsError
from protocol.runs import RUN_ID, StartRun
from protocol.studio import DraftTask, OpenRun, RunOpened, TaskDrafted

GLANCE_SECONDS = 20.0
"""After so long the state of a followed run is shown anew, though nobody has spoken: each time is a checkpoint."""
SETTLE_SECONDS = 0.5
"""After somebody has: others may speak in the same breath."""
STARTING = "start"
_END: Literal["__end__"] = "__end__"
_FRESH: dict[str, Any] = {
    "turn": 0,
    "exhausted_at": -1,
    "tell": "",
    "cursor": {},
    "leaderboard": [],
    "running": [],
    "directive": {},
    "budget": {},
    "closed": {},
    "floor": None,
    "ships": "",
    "goal": "",
    "ended": None,
}

Onward = Literal["approve", "brief", "experimentalist", "follow", "__end__"]


async def intake(state: StudioState, runtime: Runtime[Live]) -> Command[Onward]:
    """A goal becomes a draft; words to a run that goes on are told to it; a run that is named is opened."""
    live = runtime.context
    words, heard = _words(state)
    update: dict[str, Any] = {"task": "", "start": {}, "heard": heard}
    run = "" if state.get("draft") else state.get("run", "")
    try:
        if state.get("start"):
            return await _handed_over(live, state, update)
        opened = await live.ask(OpenRun(run=run), RunOpened) if run else None
        if opened is None or (words and not opened.live):
            return await _drafted(live, words, update)
        update["run"] = opened.run
        if opened.elsewhere:
            return Command(goto="follow", update=update | {"cursor": {}, "messages": []})
        return await _onward(live, opened, state, words, update)
    except PostdocsError as error:
        return Command(goto=_END, update=update | {"messages": [_refused(error)]})


def _refused(error: PostdocsError) -> AIMessage:
    """Why something cannot be, in the desk's own words."""
    told = error.error if isinstance(error, AnswerFailed) else str(error)
    return AIMessage(told, name="desk", additional_kwargs={"exit_code": error.exit_code})


async def _handed_over(live: Live, state: StudioState, update: dict[str, Any]) -> Command[Onward]:
    """A run that comes with its files: whoever sent it has approved it. It is made once, however often this is run."""
    run = state.get("run", "")
    try:
        request = StartRun.model_validate(state.get("start"))
    except ValidationError as error:
        first = error.errors()[0]
        raise BadInput(f"start.{'.'.join(map(str, first['loc']))}: {first['msg']}") from error
    if not RUN_ID.fullmatch(run):
        raise BadInput(f"run is {run!r}, and with `start` it is the id of the new run: small letters, digits and '-'")
    opened = await live.ask(OpenRun(run=run, given=request), RunOpened)
    return Command(goto="brief", update=_FRESH | update | {"run": opened.run, "messages": []})


async def _drafted(live: Live, words: str, update: dict[str, Any]) -> Command[Onward]:
    if not words:
        told = "Say what the crew is to do: a goal in a sentence, a task file's path or text; or give the id of a run."
        return Command(goto=_END, update=update | {"messages": [AIMessage(told, name="desk")]})
    made = await live.ask(DraftTask(words=words), TaskDrafted)
    reply = AIMessage(f"{made.how}\n\n```yaml\n{made.text.strip()}\n```", name="desk")
    drafted = {"run": made.run, "draft": made.text, "folder": made.folder, "messages": [reply]}
    return Command(goto="approve", update=_FRESH | update | drafted)


async def _onward(
    live: Live, opened: RunOpened, state: StudioState, words: str, update: dict[str, Any]
) -> Command[Onward]:
    """A run of ours: go on where its journal stands."""
    context, hearing = await live.context(opened.run)
    if words:
        await context.say(Tell(text=words), state.get("heard", ""), words, sender="user")
    step, sequence = (state.get("cursor") or {}).get("step", 0), (state.get("cursor") or {}).get("sequence", 0)
    while await begun(context, step):  # what was broken off there is not gone back to: this goes on from it
        step += 1
    shown = panel(context.ledger, context.clock)
    update |= {**shown, "messages": hearing.since(sequence), "cursor": cursor(shown, step, hearing.sequence)}
    if not opened.live:
        return Command(goto=_END, update=update)
    goto: Onward = "experimentalist" if context.ledger.plan else "brief"
    return Command(goto=goto, update=update | {"exhausted_at": -1})


def _words(state: StudioState) -> tuple[str, str]:
    """What the user wants, and the id of the chat message that says so: the field `task`, or the newest message."""
    heard, lines = state.get("heard", ""), state.get("messages") or []
    last = lines[-1] if lines else None
    if state.get("task"):
        return str(state.get("task")), heard
    if isinstance(last, HumanMessage) and last.id != heard:
        return _text(last), last.id or ""
    return "", heard


def _text(message: BaseMessage) -> str:
    content = message.content
    if isinstance(content, str):
        return content.strip()
    return "\n".join(str(part.get("text", "")) for part in content if isinstance(part, dict)).strip()


async def approve(
    state: StudioState, runtime: Runtime[Live]
) -> Command[Literal["approve", "brief", "intake", "__end__"]]:
    """Show the drafted task, and begin when the user says so."""
    live, info = runtime.context, runtime.execution_info
    run, draft, tried = state["run"], state.get("draft", ""), state.get("tried", 0)
    about = f"{STARTING}-{tried}" if tried else STARTING
    thread = (info.thread_id or "") if info else ""
    answer = await approval(await live.bus(), run, about, draft, "Start this run?", thread)
    if not answer.yes:
        update = {"draft": "", "run": "", "tried": 0, "messages": [AIMessage("Not started.", name="desk")]}
        return (
            Command(goto="intake", update=update | {"task": answer.words})
            if answer.words
            else Command(goto=_END, update=update)
        )
    text = answer.words or draft
    try:
        opened = await live.ask(OpenRun(run=run, text=text, folder=state.get("folder", "")), RunOpened)
    except PostdocsError as error:
        return Command(goto="approve", update={"draft": text, "tried": tried + 1, "messages": [_refused(error)]})
    return Command(goto="brief", update={"run": opened.run, "draft": "", "folder": "", "tried": 0, "cursor": {}})


async def follow(state: StudioState, runtime: Runtime[Live]) -> Command[Literal["follow", "__end__"]]:
    """Show a run whose state machine runs elsewhere, until it ends or stands still."""
    live, run = runtime.context, state["run"]
    before = (state.get("cursor") or {}).get("sequence", 0)
    opened = await live.ask(OpenRun(run=run), RunOpened)
    context, hearing = await live.context(run)
    with hearing.told(runtime.stream_writer):
        if opened.live:
            await live.guard(_until_somebody_speaks(context, hearing, before))
    shown = panel(context.ledger, context.clock)
    update: dict[str, Any] = {**shown, "messages": hearing.since(before), "cursor": cursor(shown, 0, hearing.sequence)}
    if context.ledger.ended is not None or not opened.live:
        return Command(goto=_END, update=update)
    return Command(goto="follow", update=update)


async def _until_somebody_speaks(context: CrewContext, hearing: Hearing, before: int) -> None:
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(GLANCE_SECONDS):
            while context.ledger.ended is None and not hearing.since(before):
                await context.changed(GLANCE_SECONDS)
            await asyncio.sleep(SETTLE_SECONDS)
