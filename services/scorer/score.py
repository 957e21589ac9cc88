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

from protocol.benchmark import kind_of
from protocol.data import Split
from protocol.errors import BadInput
from protocol.score import Decoding, PairedTest, Score, Scored, ScoreRequest, UnpairedTest
from services.run_folder import RunFolder
from services.scorer import benchmark, intervals, outcomes
from services.scorer.benchmark import Measured
from services.scorer.evaluation import Evaluation
from services.scorer.items import Item, Shot
from services.scorer.model_folder import ModelMissing, find_candidate, model_sha256
from services.scorer.outcomes import Outcomes
from services.scorer.worker import TorchWorker
from tools.metrics import score_all

log = logging.getLogger(__name__)
METRIC_SECONDS = 900.0
"""Time limit for the task's metric over a whole split (a `grader:` has one of 600 s of its own)."""
SHOWN = 6
SHOWN_CHARACTERS = 500


@dataclass(frozen=True)
class Examination:
    """What a model is asked, and how."""

    split: Split
    items: Sequence[Item]
    shots: Sequence[Shot]
    decoding: Decoding


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
    measured, spent = await _measured(model, exam, evaluation, folder, worker)
    began = time.monotonic() - spent  # waiting for another model's turn is not this one's time
    if measured.failed is not None:
        if kind_of(evaluation.task.metric) and request.model == evaluation.task.base_model:
            raise BadInput(measured.failed)  # what fails with the untouched base is the benchmark
        return _scored(request, exam, evaluation, digest, Score.failure(measured.failed), began)
    kept = Outcomes(
        candidate=request.candidate,
        split=exam.split,
        split_sha256=_split_sha256(evaluation, exam.split),
        model_sha256=digest,
        decoding=exam.decoding,
        n=len(exam.items),
        values=tuple(measured.values),
        mean=measured.mean,
        stderr=measured.stderr,
    )
    await asyncio.to_thread(outcomes.keep, kept, folder)
    tests = await asyncio.to_thread(_compare, kept, request.against, folder)
    shown = _show(measured, exam) if exam.split == "dev" else ()
    return _scored(request, exam, evaluation, digest, intervals.score_of(kept), began).model_copy(
        update={
            "paired": tuple(test for test in tests if isinstance(test, PairedTest)),
            "unpaired": tuple(test for test in tests if isinstance(test, UnpairedTest)),
            "answers": shown,
        }
    )


async def _measured(
    model: Path, exam: Examination, evaluation: Evaluation, folder: RunFolder, worker: TorchWorker
) -> tuple[Measured, float]:
    """What the model's answers are worth, item by item where that is known, and the seconds that it took."""
    if kind_of(evaluation.task.metric):
        began, stopping = [0.0], worker.stopping

        def by_benchmark() -> Measured:
            began[0] = time.monotonic()
            return benchmark.measure(model, exam.split, exam.items, exam.decoding, evaluation, folder, stopping)

        found = await worker.run(by_benchmark)
        return found, time.monotonic() - began[0]
    answers, spent = await worker.run(lambda: _answer(model, exam, worker))
    if answers.failed is not None:
        return answers, spent
    began_scoring = time.monotonic()
    values = await _outcomes(answers, exam, evaluation)
    return Measured(values=values, texts=answers.texts), spent + time.monotonic() - began_scoring


def _answer(model: Path, exam: Examination, worker: TorchWorker) -> tuple[Measured, float]:
    """In the torch thread: the answers, and the seconds that they took."""
    began = time.monotonic()
    from services.scorer import generate, loading, stopping

    prompts = [item.prompt for item in exam.items]
    try:
        texts = generate.answers(loading.load(model), prompts, exam.shots, exam.decoding, worker.stopping)
        answers = Measured(texts=texts)
    except loading.ModelBroken as error:
        answers = Measured(failed=str(error))
    except stopping.Stopped:
        raise
    except Exception as error:  # whatever a model does to itself is its failure, not ours
        log.warning("%s failed while answering: %s", model, type(error).__name__, exc_info=exam.split == "dev")
        said = f": {error}"[:300] if exam.split == "dev" else ""
        answers = Measured(failed=f"it failed while answering ({type(error).__name__}{said})")
    loading.release()
    return answers, time.monotonic() - began


async def _outcomes(answers: Measured, exam: Examination, evaluation: Evaluation) -> list[float]:
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


def _compare(ours: Outcomes, against: Sequence[str], folder: RunFolder) -> tuple[PairedTest | UnpairedTest, ...]:
    """Against candidates scored before, item by item where that is known of both; one that was not scored, or on other
    items, is left out."""
    tests: list[PairedTest | UnpairedTest] = []
    for incumbent in against:
        theirs = outcomes.find(incumbent, ours.split, folder)
        if theirs is None or theirs.split_sha256 != ours.split_sha256:
            log.warning(
                "%s is not compared with %s, which has no outcomes on %s", ours.candidate, incumbent, ours.split
            )
            continue
        if ours.values and theirs.values:
            tests.append(intervals.paired(ours.candidate, incumbent, ours.values, theirs.values))
        else:
            tests.append(intervals.unpaired(ours, theirs))
    return tuple(tests)


def _show(measured: Measured, exam: Examination) -> tuple[tuple[str, str, str], ...]:
    """(prompt, expected, got) of a few items, half of them wrong where there are so many."""
    if not measured.texts:
        return ()
    values = measured.values
    wrong = [number for number, value in enumerate(values) if value < 1.0][: SHOWN // 2]
    right = [number for number, value in enumerate(values) if value == 1.0][: SHOWN - len(wrong)]
    told = ((exam.items[n].prompt, exam.items[n].answer, measured.texts[n]) for n in (*wrong, *right))
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
