"""The scorer on the bus: takes each question to the part that answers it. Started by `__main__`, and by tests."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from pathlib import Path

from protocol.bundle import Bundled, BundleRequest
from protocol.bus import Bus, Handler
from protocol.data import OverlapRequest
from protocol.envelope import Envelope
from protocol.errors import BadInput, PostdocsError
from protocol.ledger import Ledger
from protocol.message import Message
from protocol.score import PrepareEval, ScoreRequest, ShipRequest
from protocol.service import Service
from services.bundle.write import write_bundle
from services.scorer.evaluation import Evaluation
from services.scorer.final_test import score_on_test
from services.scorer.held_out import prepare
from services.scorer.model_folder import ModelMissing
from services.scorer.overlap import count_overlap
from services.scorer.runs import Runs
from services.scorer.score import score_on_dev
from services.scorer.ship import ship
from services.scorer.worker import TorchWorker

NAME = "scorer"
PREPARE_SECONDS = 1800.0
"""Two splits and a training source may come from the Hub."""
OVERLAP_SECONDS = 600.0
BUNDLE_SECONDS = 600.0
"""Copying and hashing what a model was made from."""


class Scorer:
    """`async with Scorer(bus, run, folder): …` serves one run, or all when `run` is None."""

    def __init__(self, bus: Bus, run: str | None = None, folder: Path | None = None) -> None:
        self._runs = Runs(bus, run, folder)
        self._worker = TorchWorker()
        handlers: dict[type[Message], Handler] = {
            PrepareEval: self._prepare,
            ScoreRequest: self._score,
            ShipRequest: self._ship,
            OverlapRequest: self._overlap,
            BundleRequest: self._bundle,
        }
        self._service = Service(bus, NAME, handlers, run, about="scores models; alone reads the test split")

    async def __aenter__(self) -> Scorer:
        await self._service.start()
        self._worker.warm_up()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._service.stop()  # first: nobody hears of work that is broken off
        self._worker.stop()

    async def _prepare(self, question: Envelope) -> Message:
        request = question.data
        assert isinstance(request, PrepareEval)
        run = self._runs.open(question.run, Path(request.folder))
        async with run.preparing:
            return await _within(PREPARE_SECONDS, "making the held-out splits", asyncio.to_thread(prepare, request))

    async def _score(self, question: Envelope) -> Message:
        request = question.data
        assert isinstance(request, ScoreRequest)
        run = await self._runs.find(question.run)
        if request.split == "dev":
            return await score_on_dev(request, run.folder, self._worker)
        async with run.final:
            return await score_on_test(request, run.folder, self._worker)

    async def _ship(self, question: Envelope) -> Message:
        request = question.data
        assert isinstance(request, ShipRequest)
        run = await self._runs.find(question.run)
        async with run.final:
            return await ship(request, run.folder, run.journal, self._worker)

    async def _bundle(self, question: Envelope) -> Message:
        """A run is not lost because its model cannot be rebuilt: the answer says why."""
        request = question.data
        assert isinstance(request, BundleRequest)
        run = await self._runs.find(question.run)
        async with run.final:
            try:
                ledger = Ledger([envelope async for _, envelope in run.journal.replay()])
                evaluation = await asyncio.to_thread(Evaluation.load, run.folder)
                work = asyncio.to_thread(write_bundle, ledger, request.candidate, run.folder, evaluation)
                return await _within(BUNDLE_SECONDS, "writing the bundle", work)
            except (PostdocsError, ModelMissing, OSError) as error:
                return Bundled(candidate=request.candidate, failed=str(error))

    async def _overlap(self, question: Envelope) -> Message:
        request = question.data
        assert isinstance(request, OverlapRequest)
        run = await self._runs.find(question.run)
        return await _within(
            OVERLAP_SECONDS,
            f"counting the overlap of {request.name}",
            asyncio.to_thread(count_overlap, request, run.folder),
        )


async def _within(seconds: float, what: str, work: Awaitable[Message]) -> Message:
    """`work`, or `BadInput` when it takes longer than `seconds`."""
    try:
        return await asyncio.wait_for(work, seconds)
    except TimeoutError:
        raise BadInput(f"{what} took more than {seconds:.0f} s") from None
