"""Writes `runs/<id>/bundle/`: called by the scorer after the final test, since the test split goes into it.

Whole or not at all. What a job has left is copied only where it is plain files (`services/trained_model.py`).
"""

from __future__ import annotations

import json
import os
import platform
import secrets
import shlex
import shutil
from pathlib import Path

from protocol.benchmark import has_own_items
from protocol.bundle import Bundled
from protocol.data import Split
from protocol.errors import BadInput
from protocol.ledger import Ledger
from protocol.score import Score
from services.artifacts.manifest import ManifestFile, manifest_of
from services.bundle.chain import Chain
from services.bundle.closure import closure
from services.bundle.manifest import BASE, CODE, DATA, METRIC, NAME, SEALED, USE, Base, Bundle
from services.bundle.readme import RUN, readme
from services.bundle.requirements import requirements, torch_build
from services.run_folder import RunFolder
from services.scorer.atomic import replace_folder
from services.scorer.evaluation import Evaluation, shots_path, split_path
from services.scorer.files import PRIVATE_FILE, private_folder
from services.scorer.model_folder import find_model, inference_files
from services.scorer.shipped import ShippedPrompt

LARGEST_BASE = 200_000_000
"""Bytes; a larger base is named with its hash rather than copied into each run's folder."""
ENTRY = ("services.bundle.rerun", "services.bundle.step")


def write_bundle(ledger: Ledger, candidate: str, folder: RunFolder, evaluation: Evaluation) -> Bundled:
    """Blocking. Raises `BadInput` when the model cannot be rebuilt from what is there, `OSError`."""
    if has_own_items(evaluation.task.metric):
        raise BadInput(f"{evaluation.task.metric} is scored by its own harness, which a bundle does not carry")
    if candidate not in ledger.tests:
        raise BadInput(f"{candidate} has no score on the sealed test split: there is nothing to agree with")
    staged = folder.root / f".bundle.{secrets.token_hex(4)}"
    try:
        staged.mkdir()
        bundle = _fill(staged, ledger, candidate, folder, evaluation)
        replace_folder(staged, folder.bundle)
    finally:
        shutil.rmtree(staged, ignore_errors=True)
    return Bundled(
        candidate=candidate,
        path=str(folder.bundle),
        steps=len(bundle.chain),
        recorded=all(step.recorded for step in bundle.chain),
        base_included=bundle.base.included,
        bytes=sum(file.size for file in bundle.files),
    )


def _fill(place: Path, ledger: Ledger, candidate: str, folder: RunFolder, evaluation: Evaluation) -> Bundle:
    chain = Chain(ledger, candidate, place)
    steps = chain.write()
    base = _base(place, evaluation, ledger)
    _held_out(place, folder, evaluation)
    _use(place, folder)
    _recipe(place, ledger, chain, folder)
    _metric(place, evaluation)
    _code(place)
    (place / "requirements.txt").write_text(requirements(chain.requirements), encoding="utf-8")
    (place / "requirements-torch.txt").write_text(torch_build(), encoding="utf-8")
    shutil.copyfile(folder.task, place / "task.yaml")
    (place / "run.sh").write_text(RUN, encoding="utf-8")
    (place / "run.sh").chmod(0o755)
    bundle = Bundle(
        run=folder.id,
        candidate=candidate,
        base=base,
        chain=steps,
        metric=evaluation.task.metric,
        scores=_scores(ledger, candidate),
        trained_sha256=ledger.scored[candidate].model_sha256 if steps else None,
        python=platform.python_version(),
        files=(),
    )
    (place / "README.md").write_text(readme(bundle), encoding="utf-8")
    bundle = bundle.model_copy(update={"files": _files(place)})
    bundle.save(place)
    return bundle


def _files(place: Path) -> tuple[ManifestFile, ...]:
    return tuple(file for file in manifest_of(place).files if file.name != NAME)


def _scores(ledger: Ledger, candidate: str) -> dict[Split, Score]:
    found: dict[Split, Score] = {"test": ledger.tests[candidate].score}
    if candidate in ledger.scored:
        found["dev"] = ledger.scored[candidate].score
    return dict(sorted(found.items()))


def _base(place: Path, evaluation: Evaluation, ledger: Ledger) -> Base:
    """Copied where it is small; else what names it. Its hash is that of the floor's score, taken when it was scored."""
    name = evaluation.task.base_model
    source = find_model(name, Path(evaluation.task_folder))
    files = inference_files(source)
    small = sum(path.stat().st_size for path in files) <= LARGEST_BASE
    if small:
        (place / BASE).mkdir()
        for path in files:
            shutil.copyfile(path, place / BASE / path.name)
    floor = ledger.scored[ledger.floor.candidate] if ledger.floor else None
    revision = source.name if source.parent.name == "snapshots" else None
    return Base(name=name, sha256=floor.model_sha256 if floor else "", revision=revision, included=small)


def _held_out(place: Path, folder: RunFolder, evaluation: Evaluation) -> None:
    """The splits as they were scored; the test split as in the run's folder, for its owner alone."""
    evaluation.check(folder)
    (place / DATA).mkdir(exist_ok=True)
    shutil.copyfile(split_path(folder, "dev"), place / DATA / "dev.jsonl")
    shutil.copyfile(shots_path(folder), place / DATA / "shots.jsonl")
    sealed = private_folder(place / SEALED) / "test.jsonl"
    with os.fdopen(os.open(sealed, os.O_WRONLY | os.O_CREAT | os.O_EXCL, PRIVATE_FILE), "wb") as copy:
        copy.write(split_path(folder, "test").read_bytes())


def _use(place: Path, folder: RunFolder) -> None:
    """How the model is prompted and decoded."""
    (place / USE).mkdir()
    for name in ("generation_config.json", "prompt.json"):
        shutil.copyfile(folder.final_model / name, place / USE / name)
    ShippedPrompt.load(place / USE)


def _recipe(place: Path, ledger: Ledger, chain: Chain, folder: RunFolder) -> None:
    """`data/recipe.json`: where the rows came from, with seeds, what was taken of them, and why not the rest."""
    assert ledger.brief is not None
    task, plan = ledger.brief.task, ledger.plan
    read = folder.data / "sources"
    told = {
        "seed": ledger.brief.seed,
        "sources": [source.model_dump(mode="json") for source in task.data],
        "eval": task.eval and task.eval.model_dump(mode="json"),
        "sources_as_read": [file.model_dump() for file in manifest_of(read).files] if read.is_dir() else [],
        "trained_on": dict(sorted(chain.data.items())),
        "plan": plan.model_dump(mode="json") if plan else None,
    }
    (place / DATA / "recipe.json").write_text(json.dumps(told, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def _metric(place: Path, evaluation: Evaluation) -> None:
    """The Python files of a metric of the task's own; of a `grader:`, the files that its command names."""
    from agents.engineer.metric_files import FOLDER, metric_files

    assert FOLDER == METRIC, "the bundle's folder has the name that the scripts know"
    metric, folder = evaluation.task.metric, Path(evaluation.task_folder)
    (place / METRIC).mkdir()
    for name, text in metric_files(metric, folder).items():
        (place / name).parent.mkdir(parents=True, exist_ok=True)
        (place / name).write_text(text, encoding="utf-8")
    for part in shlex.split(metric.removeprefix("grader:")) if metric.startswith("grader:") else ():
        inside = not Path(part).is_absolute() and ".." not in Path(part).parts
        if inside and (folder / part).is_file():
            (place / METRIC / part).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(folder / part, place / METRIC / part)  # with its mode: it may be a program


def _code(place: Path) -> None:
    for name, path in closure(*ENTRY).items():
        (place / CODE / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, place / CODE / name)
