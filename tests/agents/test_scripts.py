"""The scripts that jobs run: each trains for real, on the tiny base model, with plain TRL."""

from __future__ import annotations

import json
import runpy
import shutil
import sys
from pathlib import Path

import pytest
import yaml

from agents.engineer.playbook import propose
from protocol.job import JobSpec
from tests.agents import requests
from tests.graph import story
from tools import metrics

ROOT = Path(__file__).parents[2]
TINY = ROOT / "examples" / "tiny" / "model"
SCRIPTS = ROOT / "agents" / "engineer" / "scripts"
SECONDS = 4.0
METRIC = """'''A reward that differs between the answers of an untrained model.'''


def score(prediction: str, expected: str) -> float:
    if len(prediction) % 3 == 0:
        raise IndexError("an odd answer")
    return float(len(prediction) % 2)
"""
STRICT = """'''A metric to which white space matters, and which fails on an empty answer.'''


def score(prediction: str, expected: str) -> float:
    return float(prediction[0] + prediction[1:] == expected)
"""
AWKWARD = ["yes", "\nyes", "yes\nno", " yes", "yes ", "yes;no\n", ";yes", "yesEND", "\n\n", "", "no"]


@pytest.fixture(scope="module")
def mixture(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Rows whose answer is their first letter."""
    path = tmp_path_factory.mktemp("data") / "mixture.jsonl"
    letters = "abcdefgh"
    rows = [f"{first}{second}{number % 10}" for number, first in enumerate(letters) for second in letters]
    path.write_text(
        "".join(
            json.dumps({"prompt": f"{row} ->", "completion": f" {row[0]}", "answer": row[0], "row": {"text": row}})
            + "\n"
            for row in rows
        )
    )
    return path


async def job(strategy: str, mixture: Path, folder: Path) -> JobSpec:
    """The Engineer's own job of a strategy, made short, written into its folder; the task's lies elsewhere."""
    task_folder = mixture.parent / "task"
    task_folder.mkdir(exist_ok=True)
    (task_folder / "my_metric.py").write_text(METRIC)
    request = requests.propose(
        requests.entry("sft-1", 0.4),
        strategy=strategy,
        task=story.TASK.model_copy(update={"metric": "python:my_metric:score"}),
        task_folder=str(task_folder),
        incumbent="sft-1",
        incumbent_score=story.score(0.4),
        strategies_closed={} if strategy == "sft" else {"sft": "spent"},
        mixture=requests.MIXTURE.model_copy(update={"path": str(mixture), "rows": 64}),
    )
    [proposal] = (await propose(request, requests.nobody)).proposals
    assert proposal.job is not None
    for name, text in proposal.job.files.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(text)
    config = yaml.safe_load((folder / "config.yaml").read_text())
    config |= {"model_name_or_path": str(TINY), "train_seconds": SECONDS}
    (folder / "config.yaml").write_text(yaml.safe_dump(config))
    return proposal.job


@pytest.mark.parametrize("strategy", ["sft", "lora", "grpo", "rejection_sampling"])
async def test_a_script_trains_and_leaves_a_whole_model(
    strategy: str, mixture: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import torch
    from safetensors.torch import load_file

    spec = await job(strategy, mixture, tmp_path)
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr(sys, "argv", list(spec.argv))
    for name in ("metric", "pairs", "seconds_schedule"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    runpy.run_path(str(tmp_path / spec.argv[0]), run_name="__main__")
    before, after = load_file(TINY / "model.safetensors"), load_file(tmp_path / "model" / "model.safetensors")
    assert set(before) == set(after), "an adapter is merged"
    assert any(not torch.equal(before[name], after[name]) for name in before)
    assert (tmp_path / "model" / "tokenizer.json").is_file()


@pytest.mark.parametrize("stops", [["\n"], ["\n", ";", "END"], ["", "\n"], ["nowhere"], []])
@pytest.mark.parametrize("metric", ["python:strict:score", "exact_match"])
def test_rewards_are_what_the_scorer_would_give(
    metric: str, stops: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "strict.py").write_text(STRICT)
    shutil.copy(metrics.__file__, tmp_path / "metric.py")
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, "metric", raising=False)
    cuts = [metrics.cut(text, stops) for text in AWKWARD]
    expected, rows = ["yes"] * len(AWKWARD), [{"text": "?"}] * len(AWKWARD)
    scores = metrics.score_all(metric, tmp_path, cuts, expected, rows)
    assert set(scores) == {0.0, 1.0}

    crew = {"metric": metric, "metric_folder": str(tmp_path), "stop": stops}
    grpo = runpy.run_path(str(SCRIPTS / "grpo.py"), run_name="grpo")
    reward = grpo["reward_function"](grpo["CrewArguments"](**crew))
    assert reward(completions=AWKWARD, answer=expected, row=[json.dumps(row) for row in rows]) == scores
    if stops == ["\n"]:
        assert reward(completions=["\nyes"], answer=["yes"], row=["{}"]) == [0.0]

    sampling = runpy.run_path(str(SCRIPTS / "rejection_sampling.py"), run_name="rejection_sampling")
    right = sampling["acceptance"](sampling["CrewArguments"](**crew))
    kept = [right(text, {"answer": "yes", "row": rows[0]}) for text in AWKWARD]
    assert kept == [text if score == 1.0 else None for text, score in zip(cuts, scores, strict=True)]


def test_pairs_are_tokenised_as_trl_would(mixture: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from datasets import Dataset
    from transformers import AutoTokenizer
    from trl import SFTConfig, SFTTrainer

    tokenized = runpy.run_path(str(SCRIPTS / "pairs.py"))["tokenized"]
    tokenizer = AutoTokenizer.from_pretrained(TINY)
    rows = [json.loads(line) for line in mixture.read_text().splitlines()]
    rows.append({"prompt": "a very long prompt, far beyond the limit of eight tokens ->", "completion": " x"})
    ours = tokenized(rows, tokenizer, 8)
    config = SFTConfig(output_dir=str(tmp_path), max_length=8, use_cpu=True, bf16=False, report_to="none")
    plain = Dataset.from_list([{key: row[key] for key in ("prompt", "completion")} for row in rows])
    trainer = SFTTrainer(model=str(TINY), args=config, train_dataset=plain, processing_class=tokenizer)
    theirs = trainer.train_dataset
    assert [(row["input_ids"], row["labels"]) for row in ours] == [(row["input_ids"], row["labels"]) for row in theirs]
    assert len(ours) == 64


def test_the_learning_rate_rises_then_falls_to_zero_with_the_time() -> None:
    schedule = runpy.run_path(str(SCRIPTS / "seconds_schedule.py"))["SecondsSchedule"](100.0, 1.0, 0.1)
    rates = []
    for share in (0.0, 0.05, 0.1, 0.55, 1.0):
        schedule.share = lambda share=share: share
        rates.append(round(schedule.rate(), 2))
    assert rates == [0.01, 0.5, 1.0, 0.5, 0.0]


def test_a_schedule_goes_on_where_its_checkpoint_was(tmp_path: Path) -> None:
    from transformers import TrainerControl, TrainerState, TrainingArguments

    made = runpy.run_path(str(SCRIPTS / "seconds_schedule.py"))["SecondsSchedule"]
    arguments, control = TrainingArguments(output_dir=str(tmp_path), use_cpu=True), TrainerControl()
    first = made(100.0, 1.0, 0.1)
    state = TrainerState(stateful_callbacks=[first])  # as the Trainer makes it
    first.on_train_begin(arguments, state, control)
    first.begun -= 40.0
    state.global_step = 7
    state.stateful_callbacks["SecondsSchedule"] = first.state()  # as the Trainer does when it saves
    state.save_to_json(str(tmp_path / "trainer_state.json"))

    second, loaded = made(100.0, 1.0, 0.1), TrainerState.load_from_json(str(tmp_path / "trainer_state.json"))
    second.on_train_begin(arguments, loaded, control)
    assert 0.40 <= second.share() < 0.45
    fresh = made(100.0, 1.0, 0.1)
    fresh.on_train_begin(arguments, TrainerState(), control)
    assert fresh.share() < 0.05
