"""Scoring one model on one split: answers, item outcomes, mean with interval, comparisons. Called by `service`.

A model that cannot be scored gets a failed score, which loses to all; only what is wrong with the question (an
unknown run, a changed evaluation file, a metric that does not work) is an error.
"""

from __future__ import annotations

import asyncio
import logging
import math
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from protocol.data import Split
from protocol.errors import BadInput
from protocol.score import Decoding, PairedTest, Score, Scored, ScoreRequest
from services.run_folder import RunFolder
from services.scorer import intervals, outcomes
from services.scorer.evaluation import Evaluation
from services.scorer.items import Item, Shot
from services.scorer.model_folder import ModelMissing, find_candidate, model_sha256
from services.scorer.outcomes import Outcomes
from services.scorer.worker import TorchWorker
from tools.metrics import score_all

log = logging.getLogger(__name__)
METRIC_SECONDS = 900.0
"""Time limit for the task's metric over a whole split (a `command:` metric has one of 600 s of its own)."""
SHOWN = 6
SHOWN_CHARACTERS = 500


@dataclass(frozen=True)
class Examination:
    """What a model is asked, and how."""

    split: Split
    items: Sequence[Item]
    shots: Sequence[Shot]
    decoding: Decoding


@dataclass(frozen=True)
class Answers:
    """What a model answered, one text an item; or why it could not."""

    texts: Sequence[str]
    failed: str | None = None


async def score_on_dev(request: ScoreRequest, folder: RunFolder, worker: TorchWorker) -> Scored:
    """Score a candidate on dev, with the request's decoding. Raises `BadInput` and its kin."""
    evaluation = await asyncio.to_thread(Evaluation.load, folder)
    await asyncio.to_thread(evaluation.check, folder)
    exam = Examination(
        split="dev",
        items=await asyncio.to_thread(evaluation.items, folder, "dev", request.limit),
        shots=await asyncio.to_thread(evaluation.shots, folder, request.decoding.shots),
        decoding=request.decoding,
    )
    return await examine(request, exam, evaluation, folder, worker)


async def examine(
    request: ScoreRequest, exam: Examination, evaluation: Evaluation, folder: RunFolder, worker: TorchWorker
) -> Scored:
    """The score of `request.model` in this examination; its item outcomes are kept."""
    began = time.monotonic()
    try:
        model = await asyncio.to_thread(find_candidate, request.model, evaluation, folder)
        digest = await asyncio.to_thread(model_sha256, model)
    except (ModelMissing, OSError) as error:
        return _scored(request, exam, evaluation, "", Score.failure(str(error)), began)
    answers, spent = await worker.run(lambda: _answer(model, exam, worker))
    began = time.monotonic() - spent  # waiting for another model's turn is not this one's time
    if answers.failed is not None:
        return _scored(request, exam, evaluation, digest, Score.failure(answers.failed), began)
    values = await _outcomes(answers, exam, evaluation)
    kept = Outcomes(
        candidate=request.candidate,
        split=exam.split,
        split_sha256=_split_sha256(evaluation, exam.split),
        model_sha256=digest,
        decoding=exam.decoding,
        n=len(values),
        values=tuple(values),
    )
    await asyncio.to_thread(outcomes.keep, kept, folder)
    pairs = await asyncio.to_thread(_compare, kept, request.against, folder)
    shown = _show(answers, values, exam) if exam.split == "dev" else ()
    score = intervals.summarise(values)
    return _scored(request, exam, evaluation, digest, score, began).model_copy(
        update={"paired": pairs, "answers": shown}
    )


def _answer(model: Path, exam: Examination, worker: TorchWorker) -> tuple[Answers, float]:
    """In the torch thread: the answers, and the seconds that they took."""
    began = time.monotonic()
    from services.scorer import generate, loading, stopping

    prompts = [item.prompt for item in exam.items]
    try:
        answers = Answers(generate.answers(loading.load(model), prompts, exam.shots, exam.decoding, worker.stopping))
    except loading.ModelBroken as error:
        answers = Answers((), str(error))
    except stopping.Stopped:
        raise
    except Exception as error:  # whatever a model does to itself is its failure, not ours
        log.warning("%s failed while answering: %s", model, type(error).__name__, exc_info=exam.split == "dev")
        said = f": {error}"[:300] if exam.split == "dev" else ""
        answers = Answers((), f"it failed while answering ({type(error).__name__}{said})")
    loading.release()
    return answers, time.monotonic() - began


async def _outcomes(answers: Answers, exam: Examination, evaluation: Evaluation) -> list[float]:
    """One number in [0, 1] an item, by the task's metric. Raises `BadInput`; about test without a word of a row."""
    task, expected, rows = evaluation.task, [item.answer for item in exam.items], [item.row for item in exam.items]
    folder = Path(evaluation.task_folder)
    work = asyncio.to_thread(score_all, task.metric, folder, list(answers.texts), expected, rows)
    try:
        values = await asyncio.wait_for(work, METRIC_SECONDS)
    except TimeoutError:
        raise BadInput(f"metric {task.metric} took more than {METRIC_SECONDS:.0f} s for {len(rows)} items") from None
    except Exception as error:  # a user's metric raises anything
        told = f": {error}" if exam.split == "dev" else ""
        raise BadInput(f"metric {task.metric} failed on {exam.split} ({type(error).__name__}{told})") from None
    if len(values) != len(rows) or not all(math.isfinite(v) and 0.0 <= v <= 1.0 for v in values):
        raise BadInput(f"metric {task.metric} gave something else than one number from 0 to 1 an item")
    return values


def _compare(ours: Outcomes, against: Sequence[str], folder: RunFolder) -> tuple[PairedTest, ...]:
    """Item by item against candidates scored before; one that was not, or on other items, is left out."""
    pairs = []
    for incumbent in against:
        theirs = outcomes.find(incumbent, ours.split, folder)
        if theirs is None or theirs.split_sha256 != ours.split_sha256:
            log.warning(
                "%s is not compared with %s, which has no outcomes on %s", ours.candidate, incumbent, ours.split
            )
            continue
        pairs.append(intervals.paired(ours.candidate, incumbent, ours.values, theirs.values))
    return tuple(pairs)


def _show(answers: Answers, values: Sequence[float], exam: Examination) -> tuple[tuple[str, str, str], ...]:
    """(prompt, expected, got) of a few items, half of them wrong where there are so many."""
    wrong = [number for number, value in enumerate(values) if value < 1.0][: SHOWN // 2]
    right = [number for number, value in enumerate(values) if value == 1.0][: SHOWN - len(wrong)]
    told = ((exam.items[n].prompt, exam.items[n].answer, answers.texts[n]) for n in (*wrong, *right))
    return tuple((a[-SHOWN_CHARACTERS:], b[:SHOWN_CHARACTERS], c[:SHOWN_CHARACTERS]) for a, b, c in told)


def _scored(
    request: ScoreRequest, exam: Examination, evaluation: Evaluation, digest: str, score: Score, began: float
) -> Scored:
    return Scored(
        candidate=request.candidate,
        model=request.model,
        model_sha256=digest,
        split=exam.split,
        split_sha256=_split_sha256(evaluation, exam.split),
        decoding=exam.decoding,
        score=score,
        seconds=time.monotonic() - began,
    )


def _split_sha256(evaluation: Evaluation, split: Split) -> str:
    return evaluation.ready.test_sha256 if split == "test" else evaluation.ready.dev_sha256
