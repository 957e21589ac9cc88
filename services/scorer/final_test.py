"""The test split, scored once, for the model that ships. Called by `service`.

Prompt, worked examples and decoding come from what lies in `final_model/`, not from the request. The result is kept:
asked again for the same model it is given again, asked for another model it is refused.
"""

from __future__ import annotations

import asyncio
from pathlib import Path

from protocol.benchmark import has_own_items
from protocol.errors import BadInput
from protocol.score import Scored, ScoreRequest
from services.run_folder import RunFolder
from services.scorer.evaluation import Evaluation
from services.scorer.files import PRIVATE_FILE, TEST_SCORE, write_whole
from services.scorer.items import Item
from services.scorer.model_folder import ModelMissing, model_sha256
from services.scorer.score import Examination, examine
from services.scorer.shipped import ShippedPrompt, read_decoding
from services.scorer.worker import TorchWorker
from tools.templates import render


class SplitSealed(BadInput):
    """Somebody asks for a test score who may not have one."""


async def score_on_test(request: ScoreRequest, folder: RunFolder, worker: TorchWorker) -> Scored:
    """The one test score of a run. `request.limit` does not count: the split is scored whole.

    Raises `SplitSealed` for a model that does not ship, or another than was scored; `EvaluationChanged`.
    """
    if Path(request.model).resolve() != folder.final_model:
        raise SplitSealed(f"the test split is only for what ships: {folder.final_model}, not {request.model}")
    try:
        digest = await asyncio.to_thread(model_sha256, folder.final_model)
    except (ModelMissing, OSError) as error:
        raise SplitSealed(f"nothing has shipped yet: {error}") from error
    kept = await asyncio.to_thread(_kept, folder)
    if kept is not None:
        if kept.model_sha256 == digest:
            return kept
        raise SplitSealed(
            f"the test split was scored already, for {kept.candidate} ({kept.model_sha256[:12]}…); it is scored once, "
            f"and {folder.final_model} holds another model now ({digest[:12]}…)"
        )
    evaluation = await asyncio.to_thread(Evaluation.load, folder)
    await asyncio.to_thread(evaluation.check, folder)
    exam = await asyncio.to_thread(_examination, evaluation, folder)
    scored = await examine(request, exam, evaluation, folder, worker)
    if scored.score.failed is None:  # a model that did not answer has learnt nothing about the split
        await asyncio.to_thread(write_whole, _path(folder), scored.model_dump_json(), PRIVATE_FILE)
    return scored


def _examination(evaluation: Evaluation, folder: RunFolder) -> Examination:
    try:
        decoding, prompt = read_decoding(folder.final_model)
    except (OSError, ValueError, KeyError) as error:
        raise BadInput(f"{folder.final_model} does not say how it is used ({type(error).__name__}: {error})") from error
    sealed = evaluation.items(folder, "test")
    items = sealed if has_own_items(prompt.metric) else [_asked(item, prompt) for item in sealed]
    return Examination(split="test", items=items, shots=prompt.shots, decoding=decoding)


def _asked(item: Item, prompt: ShippedPrompt) -> Item:
    """The item under the prompt that ships; what is expected stays as it was sealed."""
    return item.model_copy(update={"prompt": render(prompt.prompt, item.row)})


def _kept(folder: RunFolder) -> Scored | None:
    try:
        return Scored.model_validate_json(_path(folder).read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None


def _path(folder: RunFolder) -> Path:
    return folder.sealed / TEST_SCORE
