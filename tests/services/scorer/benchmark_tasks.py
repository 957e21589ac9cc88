"""Small benchmarks of each kind, whose right answers are what one of two tiny models says: what these tests share."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from laboratory import one_by_one

from protocol.brief import Task
from protocol.score import Decoding

ITEMS = 60
TOKENS = 6
LM_EVAL = """\
task: echo
dataset_path: json
dataset_kwargs: {data_files: {test: rows.jsonl, validation: more.jsonl}}
test_split: test
process_docs: !function helpers.docs
output_type: generate_until
doc_to_text: "{{question}} ="
doc_to_target: "{{answer}}"
generation_kwargs: {until: ["\\n"], max_gen_toks: 6, do_sample: false}
metric_list:
  - metric: exact_match
    aggregation: mean
    higher_is_better: true
"""
HELPERS = """\
import random


def shuffled(row):
    order = list(range(8))
    random.shuffle(order)
    return {**row, "order": order}


def docs(dataset):
    return dataset.map(shuffled)
"""
"""As GPQA's task does it with its choices (lm_eval/tasks/gpqa)."""
INSPECT = """\
import json
from pathlib import Path

from inspect_ai import Task, task
from inspect_ai.dataset import MemoryDataset, Sample
from inspect_ai.model import GenerateConfig
from inspect_ai.scorer import exact
from inspect_ai.solver import generate


@task
def echo(first: int = 0):
    lines = Path(__file__).with_name("rows.jsonl").read_text().splitlines()[first:]
    rows = [json.loads(line) for line in lines]
    samples = [Sample(input=row["question"], target=row["answer"]) for row in rows]
    return Task(
        dataset=MemoryDataset(samples),
        solver=generate(),
        scorer=exact(),
        config=GenerateConfig(max_tokens=6, stop_seqs=["\\n"]),
    )
"""
COMMAND = """\
import argparse, hashlib, json, math, os, pathlib

parser = argparse.ArgumentParser()
for name in ("model", "split", "items", "output"):
    parser.add_argument(f"--{name}")
args = parser.parse_args()
items = [json.loads(line) for line in open(args.items)]
weights = hashlib.sha256((pathlib.Path(args.model) / "model.safetensors").read_bytes()).hexdigest()
good = weights == pathlib.Path("good").read_text()
right = [float(number % 10 < (8 if good else 1)) for number in range(len(items))]
share = sum(right) / len(right)
told = {"accuracy": share, "stderr": math.sqrt(share * (1 - share) / len(right))}
if pathlib.Path("item by item").exists():
    told["outcomes"] = right
pathlib.Path(args.output).write_text(json.dumps(told))
"""


def as_asked(kind: str, question: str) -> str:
    """The prompt that a harness makes of a question, without a chat template."""
    return f"{question} =" if kind == "lm_eval" else f"user: {question}\n"


def write_benchmark(folder: Path, kind: str, good: Path) -> None:
    """Items whose right answer is what the model in `good` says."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, begin in (("rows", "item"), ("more", "other")):
        asked = [f"{begin} {number * 7919 % 1000} {'z' * (number % 9)}" for number in range(ITEMS)]
        decoding = Decoding(max_new_tokens=TOKENS, stop=("\n",))
        said = one_by_one(good, [as_asked(kind, question) for question in asked], decoding)
        rows = [{"question": q, "answer": a.strip() or "-"} for q, a in zip(asked, said, strict=True)]
        (folder / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (folder / "echo.yaml").write_text(LM_EVAL)
    (folder / "helpers.py").write_text(HELPERS)
    (folder / "echo.py").write_text(INSPECT)
    (folder / "bench.py").write_text(COMMAND)


def benchmark_task(task: Task, metric: str, **benchmark: object) -> Task:
    """The laboratory's task, judged by a benchmark."""
    told = task.model_dump(exclude={"eval", "benchmark"}) | {"metric": metric, "benchmark": benchmark}
    if metric.startswith("command:"):
        told["eval"] = task.eval
    return Task.model_validate(told)


def command(script: str = "bench.py") -> str:
    return f"command:{sys.executable} {script}"
