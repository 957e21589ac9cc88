"""What a run's winner was made from goes into its bundle, its whole lineage, in a form that runs anywhere."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml
from bundled_run import TINY, Run
from story_of_a_run import trial

from protocol import experiment
from services.bundle.chain import RATES, SAMPLED, CannotBundle, Chain
from services.bundle.manifest import Step


@pytest.fixture
def run(tmp_path: Path) -> Run:
    return Run(tmp_path)


def left(run: Run, id: str, rates: int) -> None:
    """What a job leaves, without training."""
    model = run.folder.root / "jobs" / id / "model"
    shutil.copytree(TINY, model)
    (model / RATES).write_text("0.001\n" * rates)


def chain(run: Run, id: str, place: Path) -> tuple[Step, ...]:
    place.mkdir()
    return Chain(run.ledger, id, place).write()


def test_the_whole_lineage_is_there_with_paths_of_the_bundle_alone(run: Run, tmp_path: Path) -> None:
    for id, parent, script in (("a", None, "sft.py"), ("b", "a", "sft.py"), ("other", "a", "sft.py")):
        run.propose(id, parent, script)
        left(run, id, 7)
        run.finished(id, 7)
    steps = chain(run, "b", tmp_path / "bundle")
    assert [(step.experiment, step.steps, step.recorded) for step in steps] == [("a", 7, True), ("b", 7, True)]
    first, second = (yaml.safe_load((tmp_path / "bundle" / step.folder / "config.yaml").read_text()) for step in steps)
    assert first["model_name_or_path"] == "../../base"
    assert second["model_name_or_path"] == "../1-a/model"
    assert first["dataset_name"] == second["dataset_name"] == "../../data/mixture-0.jsonl"
    assert (tmp_path / "bundle" / "data" / "mixture-0.jsonl").read_bytes() == run.mixture.read_bytes()
    everything = "".join(path.read_text() for path in (tmp_path / "bundle" / "steps").rglob("*") if path.is_file())
    assert str(tmp_path) not in everything and str(TINY) not in everything


def test_a_change_of_decoding_trains_nothing(run: Run, tmp_path: Path) -> None:
    run.propose("a", None, "sft.py")
    left(run, "a", 5)
    run.finished("a", 5)
    asked = experiment.Proposal(experiment=trial("d", "two shots", parent="a", strategy="decoding").experiment)
    run.told.say("engineer", experiment.Proposals(proposals=(asked,)))
    assert [step.experiment for step in chain(run, "d", tmp_path / "bundle")] == ["a"]


def test_rates_that_were_not_recorded_to_the_end_are_those_of_the_schedule(run: Run, tmp_path: Path) -> None:
    run.propose("a", None, "sft.py", train_seconds=30.0, warmup_share=0.1)
    left(run, "a", 3)
    run.finished("a", 20)
    [step] = chain(run, "a", tmp_path / "bundle")
    assert step.steps == 20 and not step.recorded
    rates = [float(line) for line in (tmp_path / "bundle" / step.folder / RATES).read_text().splitlines()]
    assert len(rates) == 20 and max(rates) == pytest.approx(3e-3) and rates[0] < rates[1] and rates[-1] < 3e-4


def test_answers_that_were_sampled_in_time_are_taken_along(run: Run, tmp_path: Path) -> None:
    run.propose("a", None, "rejection_sampling.py")
    left(run, "a", 5)
    (run.folder.root / "jobs" / "a" / "model" / SAMPLED).write_text('{"prompt": "a", "completion": "b"}\n')
    run.finished("a", 5)
    [step] = chain(run, "a", tmp_path / "bundle")
    assert "completion" in (tmp_path / "bundle" / step.folder / "model" / SAMPLED).read_text()


def test_a_job_cannot_have_the_test_split_copied_in_its_place(run: Run, tmp_path: Path) -> None:
    run.propose("a", None, "sft.py")
    left(run, "a", 5)
    model = run.finished("a", 5)
    (model / RATES).unlink()
    (model / RATES).symlink_to(run.folder.sealed / "test.jsonl")
    with pytest.raises(CannotBundle, match="is not whole"):
        chain(run, "a", tmp_path / "bundle")


def test_a_hub_id_is_replaced_where_it_names_the_model_alone(run: Run, tmp_path: Path) -> None:
    from services.bundle.chain import _renamed

    text = "# tiny steps\nmodel_name_or_path: tiny\nrun_name: tiny\nmodel_name_or_path: 'tiny'\n"
    expected = "# tiny steps\nmodel_name_or_path: ../../base\nrun_name: tiny\nmodel_name_or_path: ../../base\n"
    assert _renamed(text, {"tiny": "../../base"}) == expected


def test_the_test_split_is_for_its_owner_alone_and_a_second_bundle_takes_the_firsts_place(run: Run) -> None:
    run.ship("base", TINY)
    run.scored("base", run.folder.final_model, "test")
    run.write("base")
    bundle = run.write("base")
    sealed = run.folder.bundle / "sealed"
    assert sealed.stat().st_mode & 0o777 == 0o700
    assert (sealed / "test.jsonl").stat().st_mode & 0o777 == 0o600
    assert bundle.chain == () and bundle.base.included
    assert not list(run.folder.root.glob(".bundle.*"))
    assert "nothing was trained" in (run.folder.bundle / "README.md").read_text()
    subprocess.run(["sh", "-n", run.folder.bundle / "run.sh"], check=True)
    recipe = json.loads((run.folder.bundle / "data" / "recipe.json").read_text())
    assert recipe["sources"][0]["file"] == "clean.jsonl" and recipe["plan"]["rejected"]
