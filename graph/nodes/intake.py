"""intake, approve, follow: how a run begins in Studio, or is looked at. The crew's own nodes come after them."""

from __future__ import annotations

import asyncio
import contextlib
from typing import Any, Literal

from langchain_core.messages import AIMessage, BaseMessage, HumanMessage
from langgraph.runtime import ExecutionInfo, Runtime
from langgraph.types import Command
from pydantic import ValidationError

from graph.approvals import approval
from graph.chat import JOURNAL
from graph.context import CrewContext
from graph.live import Hearing, Live
from graph.panel import panel
from graph.studio_state import StudioState, cursor
from graph.time_travel import taken_up
from protocol.control import Tell
from protocol.errors import AnswerFailed, BadInput, PostdocsError
from protocol.runs import RUN_ID, StartRun
from protocol.studio import DraftTask, OpenRun, RunOpened, TaskDrafted

GLANCE_SECONDS = 20.0
"""After so long the state of a followed run is shown anew, though nobody has spoken: each time is a checkpoint."""
SETTLE_SECONDS = 0.5
"""After somebody has: others may speak in the same breath."""
HANDOVER_SECONDS = 3.0
"""A thread that is told something in mid-run leaves its run for a moment, and takes it up again."""
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
    """A goal becomes a draft; words to a run that goes on are told to it; a run that is named is opened: it goes on
    here where it stands, or is looked at while another thread drives it."""
    live, info = runtime.context, runtime.execution_info
    assert info is not None, "the server always tells where a node runs"
    words, heard = _words(state)
    update: dict[str, Any] = {"task": "", "start": {}, "heard": heard, "following": False}
    run = "" if state.get("draft") else state.get("run", "")
    try:
        if state.get("start"):
            return await _handed_over(live, state, update)
        opened = await live.open(run, info.thread_id or "") if run else None
        if opened is None or (state.get("task") and not opened.live):
            return await _drafted(live, words, update)
        update["run"] = opened.run
        lines = [_unheard(opened)] if words and (opened.elsewhere or not opened.live) else []
        if words and not lines:
            context, _ = await live.context(opened.run, _driven_by(info, opened))
            await context.say(Tell(text=words), heard, words, sender="user")
        if opened.elsewhere or (opened.driver and not _driven_by(info, opened)):
            looking = {"cursor": {}, "messages": lines, "following": True}
            return Command(goto="follow", update=update | looking)
        return await _onward(live, opened, info, state, update | {"messages": lines})
    except PostdocsError as error:
        if state.get("draft"):
            return _asked_again(state, error, update)
        return Command(goto=_END, update=update | {"messages": [_refused(error)]})


def _asked_again(state: StudioState, error: PostdocsError, update: dict[str, Any]) -> Command[Any]:
    """What was wanted instead cannot be: the draft stands as it was, and is shown once more."""
    told = {"tried": state.get("tried", 0) + 1, "messages": [_refused(error, "\n\nThe draft stands as it was.")]}
    return Command(goto="approve", update=update | told)


def _refused(error: PostdocsError, onward: str = "") -> AIMessage:
    """Why something cannot be, in the desk's own words."""
    told = error.error if isinstance(error, AnswerFailed) else str(error)
    return AIMessage(f"{told}{onward}", name="desk", additional_kwargs={"exit_code": error.exit_code})


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
    drafted = {"run": made.run, "draft": made.text, "folder": made.folder, "tried": 0, "messages": [reply]}
    return Command(goto="approve", update=_FRESH | update | drafted)


def _driven_by(info: ExecutionInfo, opened: RunOpened) -> str:
    """This thread, if it takes the run's steps."""
    thread = info.thread_id or ""
    return thread if opened.driver == thread else ""


def _unheard(opened: RunOpened) -> AIMessage:
    """Why what was said is told to nobody."""
    run = opened.run
    if opened.live:
        told = f"{run} is driven elsewhere, and nothing that is said here is heard there: use `postdocs tell {run} …`."
    elif opened.elsewhere:
        told = f"{run} has ended, or stands still until `postdocs resume {run}`: nobody hears what is said here."
    else:
        told = f"{run} has ended: nobody hears what is said here."
    return AIMessage(f"{told} For another run begin a new thread, or put its goal into `task`.", name="desk")


async def _onward(
    live: Live, opened: RunOpened, info: ExecutionInfo, state: StudioState, update: dict[str, Any]
) -> Command[Onward]:
    """A run of ours: go on where its journal stands. Where it has ended, show how."""
    context, hearing = await live.context(opened.run, info.thread_id or "")
    sequence, step = (state.get("cursor") or {}).get("sequence", 0), 0
    if opened.live:
        step, was_mine = await taken_up(context.journal, info)
        sequence = sequence if was_mine else 0
    shown = panel(context.ledger, context.clock)
    lines = [*hearing.since(sequence), *update["messages"]]
    update |= {**shown, "messages": lines, "cursor": cursor(shown, step, hearing.sequence)}
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
    if isinstance(last, HumanMessage) and last.id != heard and JOURNAL not in last.additional_kwargs:
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
    """Show the drafted task, and begin when the user says so. It stands until another one can take its place."""
    live, info = runtime.context, runtime.execution_info
    run, draft, tried = state["run"], state.get("draft", ""), state.get("tried", 0)
    about = f"{STARTING}-{tried}" if tried else STARTING
    thread = (info.thread_id or "") if info else ""
    answer = await approval(await live.bus(), run, about, draft, "Start this run?", thread)
    if not answer.yes:
        if answer.words:
            return Command(goto="intake", update={"task": answer.words, "messages": []})
        told = AIMessage("Not started.", name="desk")
        return Command(goto=_END, update={"draft": "", "run": "", "tried": 0, "messages": [told]})
    text = answer.words or draft
    try:
        opened = await live.ask(OpenRun(run=run, text=text, folder=state.get("folder", "")), RunOpened)
    except PostdocsError as error:
        return _asked_again(state, error, {})
    return Command(goto="brief", update={"run": opened.run, "draft": "", "folder": "", "tried": 0, "cursor": {}})


async def follow(state: StudioState, runtime: Runtime[Live]) -> Command[Literal["follow", "__end__"]]:
    """Show a run that another thread drives, or whose state machine runs elsewhere, until it ends or stands still."""
    live, run = runtime.context, state["run"]
    before = (state.get("cursor") or {}).get("sequence", 0)
    going, why_not = await _goes_on(live, run)
    context, hearing = await live.context(run)
    with hearing.told(runtime.stream_writer):
        if going:
            await live.guard(_until_somebody_speaks(context, hearing, before))
    shown = panel(context.ledger, context.clock)
    lines = hearing.since(before)
    update: dict[str, Any] = {**shown, "cursor": cursor(shown, 0, hearing.sequence)}
    if context.ledger.ended is not None or not going:
        return Command(goto=_END, update=update | {"messages": [*lines, *why_not]})
    return Command(goto="follow", update=update | {"messages": lines})


async def _goes_on(live: Live, run: str) -> tuple[bool, list[AIMessage]]:
    """Whether somebody drives a run that is looked at; else what there is to say of it."""
    opened = await live.open(run)
    if opened.live and not opened.elsewhere and not opened.driver:
        await asyncio.sleep(HANDOVER_SECONDS)
        opened = await live.open(run)
        if opened.live and not opened.driver:
            told = f"Nobody drives {run} any more: give its id as `run` once more, and it goes on here."
            return False, [AIMessage(told, name="desk")]
    return opened.live, []


async def _until_somebody_speaks(context: CrewContext, hearing: Hearing, before: int) -> None:
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(GLANCE_SECONDS):
            while context.ledger.ended is None and not hearing.since(before):
                await context.changed(GLANCE_SECONDS)
            await asyncio.sleep(SETTLE_SECONDS)
