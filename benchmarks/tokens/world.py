"""A run without a device: real bus, journal, graph nodes and roles; scores that rise and jobs that end at once."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Self

from langgraph.runtime import Runtime

from graph.clock import Clock
from graph.context import CrewContext
from graph.nodes.critic import critic
from graph.nodes.engineer import engineer
from graph.nodes.reviewer import reviewer
from protocol.brief import Brief, Task
from protocol.bus import Handler
from protocol.control import FloorBanked, RunStarted, Tell
from protocol.data import Contamination, DataPlan, Mixture
from protocol.envelope import Envelope, wrap
from protocol.experiment import Entry
from protocol.job import Cause, Job, JobAccepted, JobFailed, JobFinished, JobLog, JobMetric, JobStarted
from protocol.message import Message, message_id
from protocol.preflight import Preflight, PreflightRequest
from protocol.schedule import DiagnoseRequest, Diagnosis
from protocol.score import Decoding, EvalReady, PairedTest, Score, Scored, ScoreRequest, Shipped, ShipRequest
from protocol.service import Service
from protocol.thought import Reply
from services.bus_server import BusServer
from services.cli.ask import question_about
from services.crew import started

RUN = "bench"
HOURS = 200
ROWS = 500
STEPS, LOGGED = 400, 10
FAILS_EACH, TELLS_EACH = 5, 5
"""Every fifth job fails, and the user says something every fifth time."""
RISE = 0.015
"""Of the dev score from one experiment to the next: no strategy is ever spent."""
MODEL = "default=vllm/scripted"
TASK = {
    "name": "dates",
    "goal": "Write a date given in any common spelling as ISO 8601.",
    "base_model": str(Path("examples/tiny/model").resolve()),
    "prompt": "{text} ->",
    "answer": " {iso}",
    "data": [{"name": "clean", "file": "clean.jsonl", "license": "CC0-1.0"}],
    "eval": {"dev": {"file": "dev.jsonl"}, "test": {"file": "test.jsonl"}},
    "target": 0.95,
    "budget": {"time": f"{HOURS}h"},
}


class World:
    """The run, and all in it that is no mind."""

    def __init__(self, context: CrewContext, folder: Path) -> None:
        self.context, self.folder = context, folder
        self.runtime = Runtime(context=context)
        self.scores: dict[str, float] = {}

    @classmethod
    @asynccontextmanager
    async def open(cls, folder: Path) -> AsyncIterator[Self]:
        async with BusServer(folder / "bus") as server:
            bus = await server.connection.connect("bench")
            try:
                async with CrewContext(bus, RUN, Clock(3600.0 * HOURS)) as context:
                    world = cls(context, folder)
                    roles = ["reviewer", "engineer", "experimentalist", "critic"]
                    await world.say_brief()
                    services = [*(await started(bus, roles, roles, RUN)).values(), *world.services()]
                    for service in services[len(roles) :]:
                        await service.start()
                    yield world
                    for service in services:
                        await service.stop()
            finally:
                await bus.close()

    async def say_brief(self) -> None:
        """As the launcher does."""
        where = {"folder": str(self.folder), "task_folder": str(self.folder)}
        told = Brief(task=Task.model_validate(TASK), models=(MODEL,), require_llm=True, **where)
        brief = wrap(told, run=RUN, sender="user", id=message_id(RUN, "brief"))
        await self.context.journal.append(brief)
        await self.context.settle(brief)

    def services(self) -> list[Service]:
        scorer: dict[type[Message], Handler] = {ScoreRequest: self._score, ShipRequest: self._ship}
        bus = self.context.bus
        return [Service(bus, "scorer", scorer, RUN), Service(bus, "preflight", {PreflightRequest: self._try}, RUN)]

    async def begin(self) -> None:
        """Up to the floor."""
        say = self.context.say
        now = time.time()
        await say(RunStarted(session=0, at=now, pid=1, host="bench"))
        await say(
            EvalReady(dev_rows=ROWS, test_rows=2 * ROWS, dev_sha256="d", test_sha256="t", max_answer_tokens=12),
            sender="scorer",
        )
        await reviewer({}, self.runtime)
        await say(_plan(self.folder), sender="curator")
        base = ScoreRequest(candidate="base", model=TASK_MODEL, decoding=Decoding())
        await self.context.consult("scorer", base, Scored, "base")
        await say(FloorBanked(candidate="base", score=_value(0.02), decoding="greedy, 0-shot", tried={"greedy": 0.02}))
        await say(Shipped(candidate="base", path="/final", sha256="s"), "base", sender="scorer")
        self.context.begin("floor", _nothing)

    async def iterate(self, number: int) -> None:
        """Propose, schedule, train, score, judge; and a question of the user to the Engineer."""
        if number % TELLS_EACH == 0:
            words = f"({number}) please look at dates that are written with the month in words, they are the hard ones"
            await self.context.say(Tell(text=words), number, sender="user")
        await engineer({"turn": number}, self.runtime)
        waiting = self.context.ledger.with_status("proposed")
        assert waiting, f"nothing was proposed in iteration {number}"
        for entry in waiting:
            await self._carry_out(entry, fails=number % FAILS_EACH == FAILS_EACH - 1)
        while self.context.ledger.with_status("trained"):
            await critic({}, self.runtime)
        asked = await question_about(self.context.journal, "engineer", "why LoRA?")
        await self.context.consult("engineer", asked, Reply, number)

    async def _carry_out(self, entry: Entry, fails: bool) -> None:
        id, say = entry.experiment.id, self.context.say
        proposal = self.context.ledger.proposals[id]
        assert proposal.job is not None
        told = {"job": f"j-{id}", "experiment": id, "at": time.time()}
        folder = f"{self.folder}/jobs/{id}"
        await say(Job(id=f"j-{id}", run=RUN, experiment=id, folder=folder, spec=proposal.job), id)
        await say(JobAccepted(**told, worker="w", device="cpu"), id, sender="worker")
        await say(JobStarted(**told, pid=1, warm_start_s=0.1), id, sender="worker")
        if fails:
            error = "torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 2.50 GiB"
            lines = tuple(f'  File "train.py", line {line}, in main' for line in range(30))
            cause = Cause(category="out_of_memory", evidence=(error,))
            failed = JobFailed(**told, exit_code=1, reason=error, evidence=(*lines, error), cause=cause, seconds=9.0)
            await say(failed, id, sender="worker")
            ledger = self.context.ledger
            why = DiagnoseRequest(entry=ledger.entries[id], proposal=proposal, failure=failed)
            await self.context.consult("experimentalist", why, Diagnosis, id)
            return
        for step in range(0, STEPS, STEPS // LOGGED):
            await say(
                JobMetric(**told, step=step, max_steps=STEPS, values={"loss": 2.0 / (1 + step)}),
                id,
                step,
                sender="worker",
            )
        await say(JobLog(**told, lines=tuple(f"line {n} of what it printed" for n in range(50))), id, sender="worker")
        done = JobFinished(**told, model=f"{folder}/model", steps=STEPS, seconds=58.0, train_seconds=50.0, loss=0.0123)
        await say(done, id, sender="worker")

    async def _score(self, asked: Envelope) -> Message:
        request = asked.data
        assert isinstance(request, ScoreRequest)
        value = self.scores.setdefault(request.candidate, 0.02 + RISE * len(self.scores))
        pairs = [_pair(request.candidate, other, value - self.scores[other]) for other in request.against]
        return Scored(
            candidate=request.candidate, model=request.model, model_sha256=f"sha-{request.candidate}",
            split=request.split, split_sha256="d", decoding=request.decoding, score=_value(value),
            paired=tuple(pairs), seconds=2.0,
            answers=tuple((f"{day} May 2026 ->", f"2026-05-{day}", f"2026-05-{day + 1}") for day in range(10, 15)),
        )  # fmt: skip

    async def _ship(self, asked: Envelope) -> Message:
        assert isinstance(asked.data, ShipRequest)
        return Shipped(candidate=asked.data.candidate, path="/final", sha256=asked.data.model_sha256)

    async def _try(self, asked: Envelope) -> Message:
        assert isinstance(asked.data, PreflightRequest)
        return Preflight(experiment=asked.data.experiment, steps=2, seconds=4.0)


TASK_MODEL = str(TASK["base_model"])


async def _nothing(context: CrewContext) -> None:
    """The floor is banked already."""
    await asyncio.sleep(0)


def _plan(folder: Path) -> DataPlan:
    mixture = Mixture(
        name="mix", path=str(folder / "mix.jsonl"), sha256="m", rows=8000, weights={"clean": 8000},
        prompt_tokens_max=30, answer_tokens_max=12,
    )  # fmt: skip
    clean = Contamination(clean=True, rows_checked=8000, test_overlap=0, dev_overlap=0)
    return DataPlan(profiles=(), mixture=mixture, rejected=(), contamination=clean, summary="clean alone is enough.")


def _value(value: float) -> Score:
    return Score(value=value, low=max(0.0, value - 0.04), high=min(1.0, value + 0.04), n=ROWS)


def _pair(candidate: str, other: str, difference: float) -> PairedTest:
    return PairedTest(
        candidate=candidate, incumbent=other, n=ROWS, wins=round(ROWS * difference) + 8, losses=8,
        difference=difference, low=difference - 0.01, high=difference + 0.01, p_value=1e-6,
    )  # fmt: skip
