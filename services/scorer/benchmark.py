"""How a model does on a benchmark, which prompts, decodes and scores by itself. Called by `score`, in the torch thread.

The model is looked at first, as every candidate is; then the benchmark gets a folder with exactly what would ship.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from protocol.benchmark import kind_of
from protocol.data import Split
from protocol.errors import BadInput
from protocol.score import Decoding
from services.run_folder import RunFolder
from services.scorer.divide import BESIDE
from services.scorer.evaluation import Evaluation
from services.scorer.harness import ask, command
from services.scorer.harness.process import HarnessFailed
from services.scorer.items import Item
from services.scorer.model_folder import inference_files
from services.scorer.shipped import GENERATION_CONFIG, write_generation_config


@dataclass(frozen=True)
class Measured:
    """What a benchmark told of a model: `values`, one an item, or a mean with its standard error; or why nothing."""

    values: Sequence[float] = ()
    mean: float | None = None
    stderr: float | None = None
    texts: Sequence[str] = ()
    """What it answered to each item, where the benchmark tells."""
    failed: str | None = None


def measure(
    model: Path,
    split: Split,
    items: Sequence[Item],
    decoding: Decoding,
    evaluation: Evaluation,
    folder: RunFolder,
    stopping: threading.Event,
) -> Measured:
    """Raises `BadInput` where the harness is not what it was when the run began, `HarnessStopped`."""
    from services.scorer import loading
    from services.scorer.generate import threads_for

    try:
        loaded = loading.load(model)
    except loading.ModelBroken as error:
        return Measured(failed=str(error))
    eos, pad, threads = loaded.eos_token_ids, loaded.pad_token_id, threads_for(loaded)
    del loaded
    loading.release()
    try:
        with _as_it_would_ship(model, folder, decoding, eos, pad) as staged:
            if kind_of(evaluation.task.metric) == "command":
                return _by_command(staged, split, items, evaluation, folder, stopping)
            return _by_harness(staged, split, items, evaluation, folder, threads, stopping)
    except HarnessFailed as error:
        told = error.told if split == "dev" else f"it failed on test ({error.kind})"
        return Measured(failed=f"{evaluation.task.metric}: {told}")


def _by_harness(
    model: Path,
    split: Split,
    items: Sequence[Item],
    evaluation: Evaluation,
    folder: RunFolder,
    threads: int | None,
    stopping: threading.Event,
) -> Measured:
    task, plan = evaluation.task, evaluation.task.benchmark
    keys = [str(item.row["id"]) for item in items]
    harness, found = ask.done(
        task,
        Path(evaluation.task_folder),
        folder,
        metric=(plan.dev or task.metric) if split == "dev" else task.metric,
        split=plan.dev_split if split == "dev" else None,
        model=model,
        items=keys,
        threads=threads,
        stopping=stopping,
    )
    if harness not in (evaluation.harness or "").split(BESIDE):
        raise BadInput(
            f"the benchmark {task.metric} was changed since the run began (it is {harness} now, and was "
            f"{evaluation.harness}): nothing is scored with it; put it back or start a new run"
        )
    return Measured(values=[found[key].value for key in keys], texts=[found[key].got for key in keys])


def _by_command(
    model: Path,
    split: Split,
    items: Sequence[Item],
    evaluation: Evaluation,
    folder: RunFolder,
    stopping: threading.Event,
) -> Measured:
    accuracy, stderr, outcomes = command.measure(
        evaluation.task,
        Path(evaluation.task_folder),
        folder,
        model=model,
        split=split,
        items=items,
        stopping=stopping,
    )
    return Measured(values=outcomes) if outcomes else Measured(mean=accuracy, stderr=stderr)


@contextmanager
def _as_it_would_ship(
    model: Path, folder: RunFolder, decoding: Decoding, eos: tuple[int, ...], pad: int
) -> Iterator[Path]:
    """A folder of links to the model's files, with the `generation_config.json` that `ship` writes."""
    with ask.workplace(folder) as place:
        for path in inference_files(model):
            if path.name != GENERATION_CONFIG:
                (place / path.name).symlink_to(path.resolve())
        write_generation_config(place, decoding, eos, pad)
        yield place
