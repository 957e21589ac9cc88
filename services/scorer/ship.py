"""Shipping: the one way into `final_model/`, open only to what the admission gate let in. Called by `service`."""

from __future__ import annotations

import asyncio
import secrets
import shutil
from pathlib import Path

from protocol.critique import Verdict
from protocol.errors import BadInput
from protocol.journal import Journal
from protocol.score import Shipped, ShipRequest
from services.run_folder import RunFolder
from services.scorer.atomic import replace_folder
from services.scorer.evaluation import Evaluation
from services.scorer.model_folder import ModelMissing, find_candidate, inference_files, is_trusted, model_sha256
from services.scorer.shipped import ShippedPrompt, write_generation_config
from services.scorer.worker import TorchWorker
from services.trained_model import what_is_missing

JOURNAL_SECONDS = 10.0
_STAGING = ".final_model."


class NotAdmitted(BadInput):
    """No admitting verdict stands behind this request."""

    def __init__(self, candidate: str, why: str) -> None:
        self.candidate, self.why = candidate, why
        super().__init__(f"{candidate} does not ship: {why}")


async def ship(request: ShipRequest, folder: RunFolder, journal: Journal, worker: TorchWorker) -> Shipped:
    """Replace `final_model/` by the candidate, in one step. The same request again changes nothing.

    Raises `NotAdmitted` without an admitting verdict in the journal, or when the model is not the one that was
    scored, or is broken; `EvaluationChanged`.
    """
    await _check_verdict(request, journal)
    evaluation = await asyncio.to_thread(Evaluation.load, folder)
    await asyncio.to_thread(evaluation.check, folder)  # the worked examples ship
    staged = folder.root / f"{_STAGING}{secrets.token_hex(4)}"
    try:
        await asyncio.to_thread(_copy, request, evaluation, folder, staged)
        eos, pad = await worker.run(lambda: _examine(request.candidate, staged))
        return await asyncio.to_thread(_put_in_place, request, evaluation, folder, staged, eos, pad)
    finally:
        await asyncio.to_thread(_sweep, folder)


async def _check_verdict(request: ShipRequest, journal: Journal) -> None:
    found = await asyncio.wait_for(journal.find(request.verdict), JOURNAL_SECONDS)
    if found is None:
        raise NotAdmitted(request.candidate, f"no verdict {request.verdict!r} stands in the journal")
    verdict = found.data
    if not isinstance(verdict, Verdict):
        raise NotAdmitted(request.candidate, f"message {request.verdict!r} is no verdict but a {verdict.type}")
    if verdict.candidate != request.candidate:
        raise NotAdmitted(request.candidate, f"verdict {request.verdict!r} is about {verdict.candidate}")
    if not verdict.admitted:
        raise NotAdmitted(request.candidate, f"verdict {request.verdict!r} refuses it")


def _copy(request: ShipRequest, evaluation: Evaluation, folder: RunFolder, staged: Path) -> None:
    """Copy, then look at the copy and hash it: that cannot change any more."""
    trusted = is_trusted(request.model, evaluation, folder)
    try:
        source = find_candidate(request.model, evaluation, folder)
        staged.mkdir()
        for path in inference_files(source):  # not `copy2`: a cached file's permissions are the cache's
            shutil.copyfile(path, staged / path.name, follow_symlinks=trusted)
        missing = None if trusted else what_is_missing(staged)
        if missing is not None:
            raise NotAdmitted(request.candidate, missing)
        digest = model_sha256(staged)
    except ModelMissing as error:
        raise NotAdmitted(request.candidate, str(error)) from error
    if digest != request.model_sha256:
        raise NotAdmitted(
            request.candidate,
            f"{request.model} is not what was scored (sha256 {digest[:12]}…, not {request.model_sha256[:12]}…)",
        )


def _examine(candidate: str, staged: Path) -> tuple[tuple[int, ...], int]:
    """In the torch thread: is the copy whole and finite? Gives its end and padding tokens."""
    from services.scorer import loading

    try:
        loaded = loading.load(staged)
    except loading.ModelBroken as error:
        raise NotAdmitted(candidate, str(error)) from error
    tokens = loaded.eos_token_ids, loaded.pad_token_id
    del loaded
    loading.release()
    return tokens


def _put_in_place(
    request: ShipRequest, evaluation: Evaluation, folder: RunFolder, staged: Path, eos: tuple[int, ...], pad: int
) -> Shipped:
    task, shots = evaluation.task, evaluation.shots(folder, request.decoding.shots)
    write_generation_config(staged, request.decoding, eos, pad)
    ShippedPrompt(
        prompt=task.prompt,
        answer=task.answer,
        stop=request.decoding.stop,
        shots=shots,
        prefix="".join(shot.text for shot in shots),
        metric=task.metric,
        base_model=task.base_model,
        candidate=request.candidate,
    ).save(staged)
    digest = model_sha256(staged)
    if not _holds(folder.final_model, digest):
        replace_folder(staged, folder.final_model)
    return Shipped(candidate=request.candidate, path=str(folder.final_model), sha256=digest)


def _holds(place: Path, digest: str) -> bool:
    try:
        return model_sha256(place) == digest
    except (ModelMissing, OSError):
        return False


def _sweep(folder: RunFolder) -> None:
    """Remove staging folders: this one's, and those of a scorer that was killed while it copied."""
    for left in folder.root.glob(f"{_STAGING}*"):
        shutil.rmtree(left, ignore_errors=True)
