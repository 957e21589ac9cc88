"""What a task may say about a benchmark, and what does not fit."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from protocol.benchmark import kind_of
from protocol.brief import Task

ROWS = {"dev": {"file": "dev.jsonl"}, "test": {"file": "test.jsonl"}}


def task(metric: str, **more: object) -> Task:
    base = {"name": "t", "goal": "g", "base_model": "m", "prompt": "{a}", "answer": "{b}"}
    data = [{"name": "one", "file": "one.jsonl"}]
    return Task.model_validate({**base, "data": data, "metric": metric, **more})


@pytest.mark.parametrize("metric", ["lm_eval:gsm8k", "lm_eval:mmlu_flan_n_shot", "inspect:inspect_evals/gpqa_diamond"])
def test_a_benchmark_brings_its_items_along(metric: str) -> None:
    made = task(metric)
    assert made.eval is None
    assert kind_of(metric) == metric.partition(":")[0]
    assert Task.model_validate_json(made.model_dump_json()) == made
    with pytest.raises(ValidationError, match="come with it: take eval out"):
        task(metric, eval=ROWS)


def test_a_command_and_what_is_scored_item_by_item_need_rows() -> None:
    for metric in ("command:python bench.py", "grader:python grade.py", "exact_match", "python:mine:score"):
        assert task(metric, eval=ROWS).eval is not None
        with pytest.raises(ValidationError) as caught:
            task(metric)
        assert [(error["type"], error["loc"]) for error in caught.value.errors()] == [("missing", ("eval",))]


@pytest.mark.parametrize(
    ("metric", "benchmark", "told"),
    [
        ("lm_eval:", {}, "names no task: write e.g. lm_eval:gsm8k"),
        ("lm_eval:../x", {}, "names no task"),
        ("inspect:a b", {}, "names no task: write e.g. inspect:my_task.py@name"),
        ("command:", {}, "names no command: write e.g. command:python score.py"),
        ("grader:'open", {}, "is no command .*mend the quotes"),
        ("bleu", {}, "use exact_match, .*grader:…, lm_eval:TASK, inspect:TASK or command:…"),
        ("exact_match", {"seed": 1}, "for metrics that are benchmarks .* not for exact_match"),
        ("command:x", {"dev_share": 0.4}, "'dev_share' is not for command"),
        ("inspect:a", {"shots": 5}, "'shots' is not for inspect"),
        ("lm_eval:a", {"args": {"x": 1}}, "'args' is not for lm_eval"),
        ("lm_eval:a", {"dev": "inspect:a"}, "must be of the same kind as the metric: write e.g. lm_eval:my_dev"),
        ("lm_eval:a", {"dev": "lm_eval:b", "dev_split": "c"}, "either dev or dev_split"),
        ("lm_eval:a", {"dev_share": 1}, "less than 1"),
        ("lm_eval:a", {"env": ["A B"]}, "pattern"),
        ("lm_eval:a", {"time": "soon"}, "'soon' is not a duration"),
    ],
)
def test_what_does_not_fit_is_told(metric: str, benchmark: dict[str, object], told: str) -> None:
    rows = {"eval": ROWS} if kind_of(metric) == "command" or metric == "exact_match" else {}
    with pytest.raises(ValidationError, match=told):
        task(metric, benchmark=benchmark, **rows)


@pytest.mark.parametrize(
    "told", ["gpqa", "Idavidrein/gpqa", "openai/gsm8k:train[:10%]+test", "https://x.org/a.csv?b=1"]
)
def test_an_origin_is_a_dataset_a_split_of_it_or_an_address(told: str) -> None:
    assert task("lm_eval:a", benchmark={"origin": told}).benchmark.origin == (told,)
    made = task("exact_match", eval=ROWS | {"test": {"generator": "make.py", "origin": [told, "a/b"]}}).eval
    assert made is not None and made.test.origin == (told, "a/b")


@pytest.mark.parametrize("told", ["/data/test.jsonl", "a/b/c", "", "hf://datasets/a/b", "a b"])
def test_what_is_no_origin_is_told(told: str) -> None:
    with pytest.raises(ValidationError, match="origin"):
        task("lm_eval:a", benchmark={"origin": told})
