"""A model is rebuilt from its bundle alone, whatever it was trained by, and agrees."""

from __future__ import annotations

import asyncio
import shutil
import sys
from pathlib import Path

import pytest
from bundled_run import SECONDS, TINY, Run, train
from hub_of_models import HubOfModels
from huggingface_hub import constants

from services.bundle import write
from services.bundle.manifest import Bundle, BundleUnusable
from services.bundle.rebuild import base_folder
from services.bundle.rerun import Outcome, rerun
from services.bundle.score import scores
from services.scorer.model_folder import model_sha256


@pytest.fixture
def run(tmp_path: Path) -> Run:
    return Run(tmp_path)


def bundled(run: Run, id: str, model: Path) -> Bundle:
    """Ship it, score it as the scorer does, and write its bundle."""
    run.ship(id, model)
    run.scored(id, run.folder.final_model, "test")
    run.write(id)  # to score by it
    found = scores(Bundle.load(run.folder.bundle), run.folder.bundle, model)
    for split, one in found.items():
        run.scored(id, model if split == "dev" else run.folder.final_model, split, one)
    return run.write(id)


def rebuilt_elsewhere(run: Run, tmp_path: Path) -> Outcome:
    """From a copy of the bundle, when the run is gone."""
    away = tmp_path / "away"
    shutil.copytree(run.folder.bundle, away)
    shutil.rmtree(run.folder.root)
    return rerun(away, tmp_path / "work", print)


@pytest.mark.slow
def test_a_model_of_two_trainings_is_rebuilt_from_its_bundle_alone(run: Run, tmp_path: Path) -> None:
    train(run, run.propose("a", None, "sft.py", train_seconds=SECONDS))
    more = {"train_seconds": 1.5 * SECONDS, "samples": 2, "max_new_tokens": 4}
    bundle = bundled(run, "b", train(run, run.propose("b", "a", "rejection_sampling.py", **more)))
    assert [step.recorded for step in bundle.chain] == [True, True]
    outcome = rebuilt_elsewhere(run, tmp_path)
    assert outcome.agrees, outcome
    assert {one.split for one in outcome.comparisons} == {"dev", "test"}
    assert outcome.same_weights, "with one thread, the same steps give the same numbers"
    assert asyncio.run(by_itself(tmp_path / "away")) == 0


@pytest.mark.slow
def test_what_reinforcement_learning_has_made_of_an_adapter_is_rebuilt(run: Run, tmp_path: Path) -> None:
    adapter = {"use_peft": True, "lora_target_modules": "all-linear", "lora_r": 8, "learning_rate": 1e-2}
    train(run, run.propose("a", None, "sft.py", train_seconds=2 * SECONDS, **adapter))
    practice = {"train_seconds": 2 * SECONDS, "learning_rate": 3e-4}
    bundle = bundled(run, "b", train(run, run.propose("b", "a", "grpo.py", **practice)))
    assert all(step.recorded and step.steps for step in bundle.chain)
    outcome = rebuilt_elsewhere(run, tmp_path)
    assert outcome.agrees, outcome
    assert outcome.same_weights, "answers are drawn with the same seed"


@pytest.mark.slow
def test_a_training_in_two_processes_is_rebuilt_in_two(run: Run, tmp_path: Path) -> None:
    bundle = bundled(run, "a", train(run, run.propose("a", None, "sft.py", "ddp", train_seconds=2 * SECONDS)))
    assert bundle.chain[0].launch == "ddp" and bundle.chain[0].recorded
    outcome = rebuilt_elsewhere(run, tmp_path)
    assert outcome.agrees, outcome
    log = (tmp_path / "work" / bundle.chain[0].folder / "output.log").read_text()
    epochs = (bundle.chain[0].steps or 0) * 2 * 8 / 64  # as many as two processes make of 64 rows, 8 a step each
    assert f"'epoch': '{epochs:g}'" in log, log[-2000:]


def test_a_base_too_large_for_the_bundle_is_had_from_the_hub_at_its_commit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(write, "LARGEST_BASE", 0)
    with HubOfModels({"ada/tiny": TINY}) as hub:
        template = f"{hub.url}/{{repo_id}}/resolve/{{revision}}/{{filename}}"
        places = {"ENDPOINT": hub.url, "HUGGINGFACE_CO_URL_TEMPLATE": template, "HF_HUB_CACHE": str(tmp_path / "cache")}
        for name, place in places.items():
            monkeypatch.setattr(constants, name, place)
        monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
        run = Run(tmp_path, base="ada/tiny")
        run.ship("base", TINY)
        run.scored("base", run.folder.final_model, "test")
        bundle = run.write("base")
        assert not bundle.base.included and bundle.base.revision == hub.commit
        shutil.rmtree(tmp_path / "cache")
        before = len(hub.asked)
        assert model_sha256(base_folder(bundle, run.folder.bundle)) == bundle.base.sha256
        assert f"/ada/tiny/resolve/{hub.commit}/model.safetensors" in hub.asked[before:]

        (tmp_path / "other").mkdir()
        for file in TINY.iterdir():
            (tmp_path / "other" / file.name).write_bytes(file.read_bytes()[::-1])
        hub.models["ada/tiny"] = tmp_path / "other"
        shutil.rmtree(tmp_path / "cache")
        with pytest.raises(BundleUnusable, match="ada/tiny is not the one that was trained: its sha256 is"):
            base_folder(bundle, run.folder.bundle)
        hub.models.clear()
        shutil.rmtree(tmp_path / "cache")
        with pytest.raises(BundleUnusable, match="ada/tiny is not in the bundle, and cannot be had"):
            base_folder(bundle, run.folder.bundle)


async def by_itself(bundle: Path) -> int | None:
    """`run.sh` from another folder, with the code that is in the bundle, an empty environment, and without the test
    split."""
    shutil.rmtree(bundle / "sealed")
    process = await asyncio.create_subprocess_exec(
        bundle / "run.sh", cwd="/", env={"PYTHON": sys.executable}, stdout=asyncio.subprocess.PIPE
    )
    told, _ = await process.communicate()
    assert b"test: not scored" in told
    return process.returncode
