"""Where a benchmark's items come from: as the harness itself says, told with the splits, and to the roles."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from protocol.brief import Task
from protocol.score import PrepareEval
from services.scorer.harness import runner
from services.scorer.held_out import prepare
from tests.tools.hub.hub_datasets import table
from tests.tools.hub.test_hub_dataset import serve
from tests.tools.outside_world import Site, world

__all__ = ["world"]
HUB_TASK = """\
task: sums
dataset_path: ada/sums
validation_split: train
output_type: generate_until
doc_to_text: "{{question}}"
doc_to_target: "{{answer}}"
metric_list: [{metric: exact_match, aggregation: mean, higher_is_better: true}]
"""
"""As lm_eval/tasks/gpqa has it: the Hub's dataset has a train split alone."""
HUB = "hf://datasets/ada/sums@0123/data/test.jsonl"


def test_the_harness_tells_the_dataset_and_its_split(
    world: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("HF_HUB_DISABLE_XET", "1")
    serve(world, "ada/sums", table([{"question": f"{n} + {n}", "answer": str(2 * n)} for n in range(60)]))
    (tmp_path / "sums.yaml").write_text(HUB_TASK)
    told = {"name": "t", "goal": "g", "base_model": "m", "prompt": "{a}", "answer": "{b}", "metric": "lm_eval:sums"}
    more = {"data": [{"name": "one", "file": "none.jsonl"}], "benchmark": {"env": ["HF_HUB_DISABLE_XET"]}}
    task = Task.model_validate(told | more)
    ready = prepare(PrepareEval(task=task, folder=str(tmp_path / "run"), task_folder=str(tmp_path)))
    assert ready.dev_rows + ready.test_rows == 60
    assert ready.test_origin == ("ada/sums:train",)


@pytest.mark.parametrize(
    ("path", "files", "told"),
    [
        ("ada/sums", None, ["ada/sums:test+validation"]),
        ("sums", None, ["sums:test+validation"]),
        ("ada/sums", {"test": "test/*.jsonl"}, ["ada/sums:test+validation"]),
        ("json", {"train": [HUB], "test": "rows.jsonl"}, ["ada/sums"]),
        ("csv", "https://example.org/test.csv", ["https://example.org/test.csv"]),
        (str(Path(__file__).parent), None, []),
    ],
)
def test_lm_eval_names_datasets_addresses_and_files(path: str, files: Any, told: list[str]) -> None:
    config = SimpleNamespace(
        dataset_kwargs={"data_files": files} if files else None, test_split="test + validation", custom_dataset=None
    )
    assert runner.lm_eval_origin(SimpleNamespace(config=config, DATASET_PATH=path, has_test_docs=lambda: True)) == told


def test_lm_eval_names_what_a_tasks_own_code_has_loaded() -> None:
    """As `datasets` notes it: `hf://` addresses with their sizes."""
    config = SimpleNamespace(dataset_kwargs=None, test_split="test", custom_dataset=lambda: None)
    splits = {"test": SimpleNamespace(info=SimpleNamespace(download_checksums={HUB: {"num_bytes": 1}})), "more": []}
    task = SimpleNamespace(config=config, DATASET_PATH=None, dataset=splits, has_test_docs=lambda: True)
    assert runner.lm_eval_origin(task) == ["ada/sums"]


@pytest.mark.parametrize(
    ("location", "told"),
    [
        ("ada/sums", ["ada/sums"]),
        (HUB, ["ada/sums"]),
        ("https://example.org/test.csv", ["https://example.org/test.csv"]),
        ("example://theory_of_mind", []),
        (__file__, []),
        (None, []),
    ],
)
def test_inspect_has_them_in_a_datasets_location(location: str | None, told: list[str]) -> None:
    assert runner.inspect_origin(SimpleNamespace(location=location)) == told
