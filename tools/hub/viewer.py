"""What the datasets server answers about a dataset, and what its refusals mean.

https://huggingface.co/docs/dataset-viewer; the codes in `X-Error-Code` are named in its source
(https://github.com/huggingface/dataset-viewer, libs/libapi and libs/libcommon, exceptions.py).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, TypeVar

from tools.http import Answer
from tools.hub import repository
from tools.hub.services import VIEWER, VIEWER_WITH_TOKEN, viewer_token
from tools.service import Missing
from tools.tool import ToolFault

Shape = TypeVar("Shape")
NOT_READY = ("ResponseNotReady", "PreviousStepStillProcessingError", "LockedDatasetTimeoutError")
NO_SUCH_PART = ("ConfigNotFoundError", "SplitNotFoundError", "ResponseNotFound", "InvalidParameter")
NO_SUCH_PART_STATUS = 422
PROCESSING_STATUS = 409
FILES = "read its files (list_hub_files, read_hub_file)"
CODE = re.compile(r"[A-Za-z]{3,60}")


class NotShown(ToolFault):
    """The dataset is there, but the datasets server cannot show it, or not yet."""


async def ask(path: str, dataset: str, params: Mapping[str, Any], shape: type[Shape]) -> Shape:
    """The answer of one endpoint about a dataset. Raises `ToolFault`: `Gated`, `Missing`, `NotShown`, `Unreachable`."""
    query = {"dataset": dataset, **params}
    answer = await VIEWER.get(path, query)
    if answer.status in (401, 403):  # gated, private, or not there: the Hub tells which
        info = await repository.ask(lambda api: api.dataset_info(dataset), dataset, "dataset")
        if not info.gated:
            raise repository.missing(dataset, "dataset")
        sent = viewer_token() is not None
        answer = await VIEWER_WITH_TOKEN.get(path, query) if sent else answer
        if answer.status in (401, 403, 404):
            raise repository.gated(dataset, "dataset", sent)
    if answer.status != 200:
        raise _refused(answer, dataset)
    return VIEWER.parsed(answer, shape)


def _refused(answer: Answer, dataset: str) -> ToolFault:
    said = answer.headers.get("x-error-code", "")
    code = said if CODE.fullmatch(said) else f"status {answer.status}"
    if code in NOT_READY or answer.status == PROCESSING_STATUS:
        return NotShown(f"{dataset} has not been processed by the datasets server yet: ask again later, or {FILES}")
    if code in NO_SUCH_PART or answer.status == NO_SUCH_PART_STATUS:
        return Missing(f"{dataset} has no such configuration, split or rows, or no statistics: see inspect_dataset")
    if answer.status == 404 and code in ("DatasetNotFoundError", "ExternalAuthenticatedError", "status 404"):
        return repository.missing(dataset, "dataset")
    return NotShown(f"the datasets server cannot show {dataset} ({code}): {FILES}")
