"""Task files whose metric is a benchmark: read, refused with the line, handed over whole; the page tells no lies."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest
import yaml

from protocol.benchmark import Benchmark
from protocol.brief import Task
from protocol.errors import BadInput
from services.graph_server import given
from services.scorer.harness import process
from services.task_file import load_task

PAGE = (Path(__file__).parents[2] / "docs" / "metrics.md").read_text()
GOOD = """\
name: dates
goal: Write a date as ISO 8601.
base_model: model
prompt: "{text} ->"
answer: " {iso}"
metric: lm_eval:mine
benchmark:
  dev_share: 0.4
  chat: true
data:
  - name: clean
    file: clean.jsonl
"""
EVAL = "eval: {dev: {file: clean.jsonl}, test: {file: clean.jsonl}}\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "config.json").touch()
    (tmp_path / "clean.jsonl").touch()
    (tmp_path / "mine.yaml").write_text("task: mine\n")
    (tmp_path / "own.py").write_text("from inspect_ai import task\n@task\ndef sums(): ...\n")
    return tmp_path


def read(folder: Path, text: str, **more: bool) -> Task:
    (folder / "task.yaml").write_text(text)
    return load_task(folder / "task.yaml", **more)


def test_a_task_without_eval_is_a_task(folder: Path) -> None:
    task = read(folder, GOOD, here=True)
    assert (task.eval, task.benchmark.dev_share, task.benchmark.chat) == (None, 0.4, True)


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("lm_eval:mine", "exact_match", r"task.yaml:7: benchmark: it is for metrics that are benchmarks"),
        ("benchmark:\n  dev_share: 0.4\n  chat: true\n", EVAL, r"task.yaml:7: eval: the items of lm_eval:mine come"),
        ("  dev_share: 0.4", "  dev_shar: 0.4", r"task.yaml:8: .*did you mean 'dev_share'"),
        ("  dev_share: 0.4", "  dev_share: 4", r"task.yaml:8: benchmark.dev_share is 4, and should be less than 1"),
        ("chat: true", "time: long", r"task.yaml:9: benchmark.time: 'long' is not a duration"),
        ("dev_share: 0.4", "dev_share: yes", r"task.yaml:8: benchmark.dev_share is yes, and YAML reads it as true"),
        ("lm_eval:mine", "inspect:gone.py@sums", r"task.yaml:7: benchmark: 'chat' is not for inspect"),
    ],
)
def test_a_fault_is_told_with_its_line(folder: Path, old: str, new: str, told: str) -> None:
    assert old in GOOD
    with pytest.raises(BadInput, match=told):
        read(folder, GOOD.replace(old, new))


@pytest.mark.parametrize(
    ("metric", "told"),
    [
        ("inspect:gone.py@sums", r"task.yaml:6: .* there is no file .*gone.py: put it beside the task file"),
        (
            "inspect:own.py@sum",
            r"task.yaml:6: .* has no function 'sum': mend the name, or write def sum\(\) below @task",
        ),
        ("command:no-such-program --x", r"task.yaml:6: .* there is no program 'no-such-program'"),
        (f"command:{sys.executable} gone.py", r"task.yaml:6: .* there is no file .*gone.py"),
        ("grader:no-such-program", r"task.yaml:6: .* there is no program 'no-such-program'"),
    ],
)
def test_a_metric_that_is_not_there_is_told(folder: Path, metric: str, told: str) -> None:
    text = GOOD.replace("lm_eval:mine", metric).replace("benchmark:\n  dev_share: 0.4\n  chat: true\n", "")
    with pytest.raises(BadInput, match=told):
        read(folder, text + (EVAL if not metric.startswith("inspect") else ""), here=True)


def test_a_harness_that_is_not_installed_is_told_where_the_task_is_scored(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(process.MODULES, "lm_eval", "no_such_module")
    monkeypatch.delenv(process.SETTING, raising=False)
    with pytest.raises(BadInput, match=r"task.yaml:6: .*no_such_module is not installed: run pip install"):
        read(folder, GOOD, here=True)
    assert read(folder, GOOD).metric == "lm_eval:mine"


def test_a_benchmark_of_ones_own_is_handed_over(folder: Path) -> None:
    (folder / "runs" / "r1").mkdir(parents=True)
    (folder / "runs" / "r1" / "brief.json").touch()
    (folder / "sub").mkdir()
    (folder / "sub" / "rows.csv").touch()
    task = read(folder, GOOD)
    moved, files = given.gather(task, folder, None)
    assert {"task/mine.yaml", "task/own.py", "task/sub/rows.csv", "task/clean.jsonl"} <= set(files)
    assert not [name for name in files if "runs" in name]
    assert moved.eval is None


def test_the_snippets_of_the_page_are_tasks(folder: Path) -> None:
    (folder / "my_task.py").write_text("from inspect_ai import task\n@task\ndef name(): ...\n")
    (folder / "bench.py").touch()
    for name in ("dev.jsonl", "test.jsonl"):
        (folder / name).touch()
    snippets = re.findall(r"^```yaml\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
    assert len(snippets) == 4
    rest = GOOD.partition("metric:")[0] + "data: [{name: clean, file: clean.jsonl}]\n"
    for snippet in snippets:
        kept = "\n".join(line for line in snippet.splitlines() if not re.match(r"  \w+: +#", line))
        assert read(folder, rest + kept).metric == yaml.safe_load(snippet)["metric"]


def test_the_page_tells_every_setting_and_its_default() -> None:
    told = yaml.safe_load(re.findall(r"^```yaml\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)[0])["benchmark"]
    assert told.keys() == Benchmark.model_fields.keys()
    said = {key: value for key, value in told.items() if value is not None}
    assert Benchmark.model_validate(said) == Benchmark()
    assert process.SETTING in PAGE
