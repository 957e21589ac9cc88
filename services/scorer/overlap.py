"""How many rows of a training source stand in a held-out split: counts and positions, never a held-out word.

Called by `service`, for the Data Curator.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

from protocol.data import Overlap, OverlapRequest
from protocol.errors import BadInput
from services.run_folder import RunFolder
from services.scorer.evaluation import Evaluation
from tools.contamination import overlap


def count_overlap(request: OverlapRequest, folder: RunFolder) -> Overlap:
    """Blocking. Raises `BadInput` when the rows cannot be read, `EvaluationChanged`."""
    evaluation = Evaluation.load(folder)
    evaluation.check(folder)
    prompts = _prompts(Path(request.path), request.sha256)
    dev = overlap(prompts, [item.prompt for item in evaluation.items(folder, "dev")])
    test = overlap(prompts, [item.prompt for item in evaluation.items(folder, "test")])
    return Overlap(
        name=request.name,
        rows=len(prompts),
        dev_exact=dev.exact,
        dev_near=dev.near,
        test_exact=test.exact,
        test_near=test.near,
        drop=tuple(sorted({*dev.drop, *test.drop})),
    )


def _prompts(path: Path, sha256: str) -> list[str]:
    prompts: list[str] = []
    try:
        data = path.read_bytes()
    except OSError as error:
        raise BadInput(f"{path} cannot be read: {error.strerror}") from error
    if sha256 and hashlib.sha256(data).hexdigest() != sha256:
        raise BadInput(f"{path} is not what was asked about: it was written again meanwhile; ask about it anew")
    lines = data.decode().split("\n")
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            prompts.append(str(json.loads(line)["prompt"]))
        except (ValueError, KeyError, TypeError):
            raise BadInput(f"line {number} of {path} is no JSON object with a `prompt`") from None
    return prompts
