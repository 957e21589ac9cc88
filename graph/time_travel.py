"""Notices in Studio that somebody went back in time, and makes a run of its own of what follows.

Each step is noted in the run's journal with the checkpoint that it begins at. A step that begins where another has
gone on already is a fork: the desk makes a new run of the journal up to there, under an id that follows from the
checkpoint, so that a node which runs again forks once. A thread that is given a run by its id goes back to nothing: it
takes the run up where it stands (`taken_up`), or looks on while another thread drives it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from langgraph.runtime import ExecutionInfo, Runtime
from pydantic import ValidationError

from graph.context import CrewContext
from graph.live import Live
from protocol.control import Tell
from protocol.envelope import wrap
from protocol.errors import BadInput
from protocol.experiment import Directive
from protocol.journal import Journal
from protocol.message import message_id
from protocol.score import Shipped, ShipRequest
from protocol.service import reply_id
from protocol.studio import ForkRun, RunForked, Steered, StepTaken

FORK = "-fork-"


async def place(live: Live, state: dict[str, Any], runtime: Runtime[Any], node: str) -> str:
    """The run that this step belongs to: the state's, or a fork of it. Notes the step."""
    info, run, cursor = runtime.execution_info, str(state["run"]), state.get("cursor") or {}
    assert info is not None, "the server always tells where a node runs"
    number, thread = int(cursor.get("step", 0)), info.thread_id or ""
    mine = StepTaken(number=number, node=node, thread=thread, checkpoint=info.checkpoint_id)
    journal = Journal(await live.bus(), run)
    if await _gone_on(journal, mine):
        new = f"{run.split(FORK)[0]}{FORK}{message_id(run, thread, info.checkpoint_id)[:6]}"
        sequence = int(cursor.get("sequence", 0))
        await live.ask(ForkRun(parent=run, run=new, sequence=sequence, budget=seconds(state)), RunForked)
        journal = Journal(journal.bus, new)
    await journal.append(wrap(mine, run=journal.run, sender="graph", id=_step_id(journal.run, number)))
    return journal.run


async def _gone_on(journal: Journal, mine: StepTaken) -> bool:
    """Whether this run has gone on from here already, or another thread drives it."""
    if await journal.find(_step_id(journal.run, mine.number + 1)) is not None:
        return True
    same = await _step(journal, mine.number)
    if same is not None:
        return (same.thread, same.checkpoint) != (mine.thread, mine.checkpoint)
    before = await _step(journal, mine.number - 1)
    return before is not None and before.thread != mine.thread


async def _step(journal: Journal, number: int) -> StepTaken | None:
    found = await journal.find(_step_id(journal.run, number))
    return found.data if found and isinstance(found.data, StepTaken) else None


def _step_id(run: str, number: int) -> str:
    return message_id(run, "step", number)


async def taken_up(journal: Journal, info: ExecutionInfo) -> tuple[int, bool]:
    """The number of the next step, and whether this thread took the one before: what was broken off is not gone back
    to. Where another thread did, that this one goes on is noted as a step, so that it is no fork."""
    thread = info.thread_id or ""
    while (last := await _last_step(journal)) is not None and last.thread != thread:
        mine = StepTaken(number=last.number + 1, node="intake", thread=thread, checkpoint=info.checkpoint_id)
        id = _step_id(journal.run, mine.number)
        if await journal.append(wrap(mine, run=journal.run, sender="graph", id=id)):
            return mine.number + 1, False
    return (last.number + 1 if last else 0), last is not None


async def _last_step(journal: Journal) -> StepTaken | None:
    found = await journal.find("*", StepTaken.model_fields["type"].default)
    return found.data if found and isinstance(found.data, StepTaken) else None


async def ship_again(context: CrewContext) -> None:
    """In a fork: fill its own `final_model/` with what had shipped by then, under the id of the old question."""
    if context.brief.fork is None:
        return
    last = None
    async for _, envelope in context.journal.replay():
        if isinstance(envelope.data, ShipRequest):
            last = envelope
    if last is not None and await context.journal.find(reply_id(last)) is None:
        await context.settle(await context.bus.ask(last, Shipped))


async def hear_edits(context: CrewContext, state: dict[str, Any], checkpoint: str) -> dict[str, Any]:
    """Say what the user has changed in the state, once a checkpoint; what the node is to have otherwise."""
    changes: dict[str, Any] = {}
    words = str(state.get("tell") or "").strip()
    if words:
        await context.say(Tell(text=words), checkpoint, sender="user")
        changes["tell"] = ""
    shown = (state.get("cursor") or {}).get("directive")
    edited = state.get("directive")
    if shown is not None and edited and edited != shown:
        await context.say(Steered(directive=_directive(edited)), checkpoint, sender="user")
        changes["exhausted_at"] = -1
    return changes


def _directive(edited: Any) -> Directive:
    """Raises `BadInput`."""
    try:
        return Directive.model_validate(edited)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise BadInput(f"directive.{where} is {first.get('input')!r}: {first['msg']}") from error


def seconds(state: Mapping[str, Any]) -> float | None:
    """The budget as it stands in the state. Raises `BadInput`."""
    told = (state.get("budget") or {}).get("seconds")
    if told is None:
        return None
    try:
        value = float(told)
    except (TypeError, ValueError) as error:
        raise BadInput(f"budget.seconds is {told!r}: write a number of seconds") from error
    if not math.isfinite(value):
        raise BadInput(f"budget.seconds is {told!r}: write a number of seconds")
    if value <= 0:
        raise BadInput(f"budget.seconds is {told!r}: give more than no time")
    return value
