"""The sources of `examples/sums`: verifiable, and only the small one shows its work."""

from __future__ import annotations

import ast
import json
import operator
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest

Rows = list[dict[str, str]]


def value(text: str) -> int:
    """What Python makes of an expression of integers, + and -."""

    def walk(node: ast.expr) -> int:
        if isinstance(node, ast.BinOp):
            apply = {ast.Add: operator.add, ast.Sub: operator.sub}[type(node.op)]
            return int(apply(walk(node.left), walk(node.right)))
        assert isinstance(node, ast.Constant)
        assert isinstance(node.value, int)
        return node.value

    return walk(ast.parse(text, mode="eval").body)


@pytest.fixture(scope="module")
def sums(example: Callable[[str], ModuleType]) -> ModuleType:
    return example("sums/generate.py")


@pytest.fixture(scope="module")
def rows(sums: ModuleType) -> dict[str, Rows]:
    return {name: sums.generate(name, n, seed=0) for name, n in sums.DEFAULT_ROWS.items()}


def test_the_command_prints_the_same_rows_as_the_module(sums: ModuleType, examples: Path) -> None:
    command = [sys.executable, str(examples / "sums" / "generate.py"), "clean", "--rows", "50", "--seed", "3"]
    printed = subprocess.run(command, capture_output=True, check=True).stdout
    assert [json.loads(line) for line in printed.splitlines()] == sums.generate("clean", 50, seed=3)


@pytest.mark.parametrize("source", ["clean", "prompts", "dev", "test"])
def test_the_last_number_is_the_value(source: str, rows: dict[str, Rows]) -> None:
    assert all(int(row["answer"].split(" = ")[-1]) == value(row["text"]) for row in rows[source])


@pytest.mark.parametrize("source", ["clean", "dev", "test"])
def test_every_step_of_the_work_has_the_same_value(source: str, rows: dict[str, Rows]) -> None:
    for row in rows[source]:
        assert {value(step) for step in row["answer"].split(" = ")} == {value(row["text"])}


def test_prompts_is_large_and_shows_no_work(rows: dict[str, Rows]) -> None:
    assert len(rows["prompts"]) >= 5 * len(rows["clean"])
    assert all(row["answer"].isdigit() for row in rows["prompts"])


def test_no_evaluated_expression_is_trained_on(rows: dict[str, Rows]) -> None:
    trained = {row["text"] for source in ("clean", "prompts") for row in rows[source]}
    dev, test = ({row["text"] for row in rows[split]} for split in ("dev", "test"))
    assert not trained & (dev | test)
    assert not dev & test
    assert all(len({row["text"] for row in found}) == len(found) for found in rows.values())
