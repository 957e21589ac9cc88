"""A role on trial: on a real bus, with a real journal, by its playbook or with a model that follows a script.

For the tests of whoever writes a role:

    from services.rehearsal import advice_request, rehearse

    def test_it_names_the_lead() -> None:
        told = rehearse(ROLE, advice_request())
        assert "0.12" in told.reply.text
"""

from __future__ import annotations

import asyncio
import os
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from agents import foreign
from agents.crew import serve
from agents.minds.scripted import Script, ScriptedServer
from agents.role import Role
from protocol.advice import AdviceRequest
from protocol.brief import Brief, Task
from protocol.bus import Bus
from protocol.envelope import Envelope, wrap
from protocol.experiment import Digest, Directive, Entry, Experiment
from protocol.journal import Journal
from protocol.message import Message, message_id
from protocol.score import Score
from services.bus_server import BusServer
from services.minds import RunMinds

RUN = "rehearsal"
SECONDS = 60.0
TASK = Task.model_validate(
    {
        "name": RUN,
        "goal": "Write a date as ISO 8601.",
        "base_model": "base",
        "prompt": "{text} ->",
        "answer": " {iso}",
        "data": [{"name": "train", "file": "train.jsonl"}],
        "eval": {"dev": {"file": "dev.jsonl"}, "test": {"file": "test.jsonl"}},
        "target": 0.9,
    }
)


@dataclass(frozen=True)
class Rehearsed:
    """What came of it."""

    reply: Any
    """The answer as it came over the bus: a message of the role's own is in a `Foreign`."""
    said: tuple[Envelope, ...]
    """All that stands in the journal: questions to others, tool calls, what thinking has cost."""


def rehearse(role: Role, request: Message, script: Script | None = None, others: Sequence[Role] = ()) -> Rehearsed:
    """Ask the role once. With a `script` it thinks with a model (and fails rather than fall back to its playbook);
    `others` are roles that it may ask. Raises `AnswerFailed` with what it failed of."""
    return asyncio.run(_rehearse(role, request, script, others))


async def _rehearse(role: Role, request: Message, script: Script | None, others: Sequence[Role]) -> Rehearsed:
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="rehearsal-")))
        if script is not None:
            stack.enter_context(_model_at(stack.enter_context(ScriptedServer(script)).url))
        async with BusServer(folder / "bus") as server:
            bus = await server.connection.connect(RUN)
            try:
                return await _asked(bus, role, request, folder, script is not None, others)
            finally:
                await bus.close()


async def _asked(
    bus: Bus, role: Role, request: Message, folder: Path, model: bool, others: Sequence[Role]
) -> Rehearsed:
    journal, minds = Journal(bus, RUN), RunMinds(bus)
    await journal.create()
    models = (f"{role.name}=vllm/scripted", "default=playbook") if model else ()
    brief = Brief(task=TASK, folder=str(folder), task_folder=str(folder), models=models, require_llm=model)
    await journal.append(wrap(brief, run=RUN, sender="user", id=message_id(RUN, "brief")))
    services = [serve(bus, one, minds.of, RUN) for one in (role, *others)]
    for service in services:
        await service.start()
    try:
        question = wrap(foreign.carried(request), run=RUN, sender="graph", recipient=role.name)
        answer = await bus.ask(question, Message, timeout=SECONDS)
    finally:
        for service in services:
            await service.stop()
    return Rehearsed(answer.data, tuple([envelope async for _, envelope in journal.replay()]))


@contextmanager
def _model_at(url: str) -> Iterator[None]:
    before = os.environ.get("VLLM_BASE_URL")
    os.environ["VLLM_BASE_URL"] = url
    try:
        yield
    finally:
        os.environ.pop("VLLM_BASE_URL")
        if before is not None:
            os.environ["VLLM_BASE_URL"] = before


def advice_request(**changes: Any) -> AdviceRequest:
    """What a role after the Critic is asked in a run where `sft-2` ships with 0.62, 0.12 above the floor."""
    entries = tuple(
        Entry(
            experiment=Experiment(
                id=id, strategy="sft", hypothesis="the answers can be learned", recipe={}, seconds=30
            ),
            status="scored",
            score=_score(value),
            verdict=verdict,
            steps=100,
            seconds=30,
        )
        for id, value, verdict in (("sft-1", 0.53, "hold"), ("sft-2", 0.62, "promote"))
    )
    digest = Digest(
        floor=_score(0.5), incumbent="sft-2", incumbent_score=_score(0.62), entries=entries, seconds_left=300
    )
    asked = AdviceRequest(
        place="critic",
        number=2,
        task=TASK,
        folder=".",
        task_folder=".",
        digest=digest,
        directive=Directive(kind="exploit", strategy="sft", reason="sft-2 gains"),
        seconds_left=310,
    )
    return asked.model_copy(update=changes)


def _score(value: float, n: int = 200) -> Score:
    return Score(value=value, low=round(value - 0.07, 2), high=round(value + 0.07, 2), n=n)
