"""Making the held-out splits: read, rendered, made disjoint, hashed, and the test split sealed.

Called once a run, on `PrepareEval`. Asked again it finds everything in place and checks that nothing changed.
"""

from __future__ import annotations

import logging
import math
from pathlib import Path

from protocol.brief import Source, Task
from protocol.data import Split
from protocol.errors import BadInput, PostdocsError
from protocol.score import EvalReady, PrepareEval
from services.run_folder import RunFolder
from services.scorer.divide import divided
from services.scorer.evaluation import Evaluation, NotPrepared, shots_path, split_path
from services.scorer.files import PRIVATE_FILE, jsonl, private_folder, sha256_file, write_whole
from services.scorer.items import Item
from services.scorer.shots import choose_shots
from tools.contamination import normalise
from tools.sources import read_rows
from tools.templates import ColumnMissing, render

log = logging.getLogger(__name__)
FEWEST_ROWS = 10
"""Below this a 95 % interval is wider than half the scale (Wilson: 5 of 10 is 0.24 to 0.76)."""
CHARACTERS_PER_TOKEN = 2
"""Estimate, on the safe side, where the tokenizer is not at hand: byte-pair vocabularies give 3 to 5."""


def prepare(request: PrepareEval) -> EvalReady:
    """Make `data/dev.jsonl`, `data/shots.jsonl` and `sealed/test.jsonl`; blocking.

    Raises `BadInput` with one sentence when a split cannot be made, `EvaluationChanged` when one that was made
    before is not what it was.
    """
    folder = RunFolder(Path(request.folder))
    try:
        before = Evaluation.load(folder)
    except NotPrepared:
        return _make(request, folder)
    if _what_counts(before.task) != _what_counts(request.task):
        raise BadInput(
            f"run {folder.id!r} was prepared for another `eval`, `benchmark`, `prompt`, `answer` or `metric`: start a "
            "new run"
        )
    before.check(folder)
    return before.ready


def _what_counts(task: Task) -> tuple[object, ...]:
    return task.eval, task.prompt, task.answer, task.metric, task.benchmark


def _make(request: PrepareEval, folder: RunFolder) -> EvalReady:
    task_folder, data_folder = Path(request.task_folder), Path(request.data_folder) if request.data_folder else None
    harness, dev, test, origin = _splits(request.task, task_folder, data_folder, folder)
    shots = choose_shots(request.task, task_folder, data_folder, [*dev, *test])
    folder.data.mkdir(parents=True, exist_ok=True)
    private_folder(folder.sealed)
    for split, items in (("dev", dev), ("test", test)):
        path = split_path(folder, "test" if split == "test" else "dev")
        text = jsonl(item.model_dump() for item in items)
        write_whole(path, text, PRIVATE_FILE) if split == "test" else write_whole(path, text)
    write_whole(shots_path(folder), jsonl(shot.model_dump() for shot in shots))
    ready = EvalReady(
        dev_rows=len(dev),
        test_rows=len(test),
        dev_sha256=sha256_file(split_path(folder, "dev")),
        test_sha256=sha256_file(split_path(folder, "test")),
        max_answer_tokens=_longest_answer(dev, task_folder / request.task.base_model),
        test_origin=origin,
    )
    Evaluation(
        task=request.task,
        task_folder=request.task_folder,
        data_folder=request.data_folder,
        ready=ready,
        shots_sha256=sha256_file(shots_path(folder)),
        harness=harness,
    ).save(folder)  # last: it says that all of the above is whole
    return ready


def _splits(
    task: Task, task_folder: Path, data_folder: Path | None, folder: RunFolder
) -> tuple[str | None, list[Item], list[Item], tuple[str, ...]]:
    """What the items come with, where that is a harness; dev; test; and where a harness has the latter from."""
    if task.eval is not None:
        test = _read("test", task.eval.test, task, task_folder, data_folder)
        return None, _disjoint(_read("dev", task.eval.dev, task, task_folder, data_folder), test), test, ()
    harness, dev, test, origin = divided(task, task_folder, folder)
    for split, items in (("dev", dev), ("test", test)):
        if len(items) < FEWEST_ROWS:
            raise BadInput(
                f"{task.metric} gives {len(items)} items for {split}; a score needs at least {FEWEST_ROWS}: change "
                "benchmark.dev_share, or take a larger benchmark"
            )
    return harness, _disjoint(dev, test), test, origin


def _read(split: Split, source: Source, task: Task, task_folder: Path, data_folder: Path | None) -> list[Item]:
    """The rendered rows of one split. An error about `test` tells its kind, never a row."""
    try:
        rows = read_rows(source, task_folder, data_folder)
    except PostdocsError as error:
        raise BadInput(f"eval.{split} cannot be read: {error}") from error
    except Exception as error:
        told = f": {error}" if split == "dev" else ""
        raise BadInput(f"eval.{split} cannot be read ({type(error).__name__}{told})") from None
    if len(rows) < FEWEST_ROWS:
        raise BadInput(f"eval.{split} has {len(rows)} rows; a score needs at least {FEWEST_ROWS}")
    return [_rendered(split, number, row, task) for number, row in enumerate(rows)]


def _rendered(split: Split, number: int, row: dict[str, object], task: Task) -> Item:
    try:
        return Item(prompt=render(task.prompt, row), answer=render(task.answer, row), row=row)
    except ColumnMissing as error:
        raise BadInput(f"eval.{split}, row {number + 1}: {error}") from error
    except PostdocsError as error:  # it quotes the value that does not fit
        told = str(error) if split == "dev" else "one of its values does not fit the template"
        raise BadInput(f"eval.{split}, row {number + 1}: {told}") from None


def _disjoint(dev: list[Item], test: list[Item]) -> list[Item]:
    """`dev` without the prompts that stand in `test` too: what the crew sees must not be what it is judged by."""
    sealed = {normalise(item.prompt) for item in test}
    kept = [item for item in dev if normalise(item.prompt) not in sealed]
    if len(kept) < len(dev):
        log.warning(
            "dropped %d of %d dev rows: their prompts stand in the test split too", len(dev) - len(kept), len(dev)
        )
    if len(kept) < FEWEST_ROWS:
        raise BadInput(
            f"eval.dev has {len(kept)} rows left of {len(dev)} after those that stand in eval.test too were dropped; "
            f"it needs at least {FEWEST_ROWS} of its own"
        )
    return kept


def _longest_answer(items: list[Item], base_model: Path) -> int:
    """Tokens of the longest answer of *dev* (the test split is not asked), by the base model's own tokenizer."""
    answers = sorted({item.answer for item in items}, key=len)[-256:]
    vocabulary = base_model / "tokenizer.json"
    if vocabulary.is_file():
        from tokenizers import Tokenizer  # not `transformers`: this answer must not wait for its import

        try:
            tokenizer = Tokenizer.from_file(str(vocabulary))
            return max(len(found.ids) for found in tokenizer.encode_batch(answers, add_special_tokens=False))
        except Exception as error:  # the tokenizers library raises bare `Exception`
            log.warning("%s cannot be read (%s): answer lengths are estimated", vocabulary, error)
    return max(math.ceil(len(answer) / CHARACTERS_PER_TOKEN) for answer in answers) or 1
