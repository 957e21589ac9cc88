"""Columns that the script reads and the dataset does not have. Careful: what is not sure is left to the smoke run."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from typing import Any

from protocol.preflight import Flaw
from services.executor.preflight.names import suggestion
from services.executor.preflight.script import Script

WANTED: dict[str, tuple[frozenset[str], ...]] = {
    "SFTTrainer": tuple(map(frozenset, (["text"], ["messages"], ["prompt", "completion"], ["input_ids"]))),
    "DPOTrainer": (frozenset(["chosen", "rejected"]),),
    "RewardTrainer": (frozenset(["chosen", "rejected"]),),
    "KTOTrainer": (frozenset(["prompt", "completion", "label"]),),
    "GRPOTrainer": (frozenset(["prompt"]),),
    "RLOOTrainer": (frozenset(["prompt"]),),
}
"""Columns of which a trainer needs one set (https://huggingface.co/docs/trl/dataset_formats)."""
OTHERWISE = ("formatting_func", "dataset_text_field")
"""With these a trainer takes any column."""
MADE = frozenset({"input_ids", "attention_mask", "labels"})
"""By a tokenizer, without being named."""
LOADS = ("json.loads", "datasets.load_dataset")


def columns(script: Script, rows: Sequence[dict[str, Any]]) -> Iterator[Flaw]:
    """`rows`: the dataset's first; nothing is said without them."""
    if not rows:
        return
    there = {name for row in rows for name in row}
    yield from _read(script, there)
    yield from _needed(script, there)


def _read(script: Script, there: set[str]) -> Iterator[Flaw]:
    """`row["x"]` where `row` is one of the dataset's, and nobody has made an `x`."""
    variables = _row_variables(script)
    read: dict[str, ast.Subscript] = {}
    made: set[str] = set()
    reads: set[int] = set()
    for node in ast.walk(script.tree):
        if not isinstance(node, ast.Subscript) or not isinstance(node.ctx, ast.Load):
            continue
        of_a_row = isinstance(node.value, ast.Name) and node.value.id in variables
        if of_a_row and (name := _text(node.slice)) is not None:
            read.setdefault(name, node)
            reads.add(id(node.slice))
    for node in ast.walk(script.tree):
        if (name := _text(node)) is not None and id(node) not in reads:
            made.add(name)
        elif isinstance(node, ast.keyword) and node.arg is not None:
            made.add(node.arg)
    for name, node in read.items():
        if name not in there | made | MADE:
            told = f"the dataset has no column `{name}`{suggestion(name, there)} It has {', '.join(sorted(there))}"
            yield Flaw(stage="columns", told=f"{script.at(node)}: {told}")


def _row_variables(script: Script) -> set[str]:
    """Names that go over rows: loops over what was loaded, parameters of what is mapped over it."""
    loaded = _loaded(script)
    found: set[str] = set()
    for node in ast.walk(script.tree):
        loops = isinstance(node, ast.For | ast.AsyncFor | ast.comprehension) and isinstance(node.target, ast.Name)
        if loops and _is_loaded(script, node.iter, loaded):  # type: ignore[attr-defined]
            found.add(node.target.id)  # type: ignore[attr-defined]
    for call in script.calls():
        maps = isinstance(call.func, ast.Attribute) and call.func.attr in ("map", "filter") and call.args
        if maps and _is_loaded(script, call.func.value, loaded):  # type: ignore[attr-defined]
            found |= _first_parameter(script, call.args[0])
    return found - _otherwise_bound(script, loaded)


def _loaded(script: Script) -> set[str]:
    """Names that hold rows as they were loaded, and nothing else at any time."""
    found: set[str] = set()
    for node in ast.walk(script.tree):
        if isinstance(node, ast.Assign) and len(node.targets) == 1 and _loads(script, node.value):
            found |= {target.id for target in node.targets if isinstance(target, ast.Name)}
    for node in ast.walk(script.tree):
        if isinstance(node, ast.Assign) and not _loads(script, node.value):
            found -= {part.id for target in node.targets for part in ast.walk(target) if isinstance(part, ast.Name)}
    return found


def _loads(script: Script, node: ast.expr) -> bool:
    """`load_dataset(…)`, `list(map(json.loads, lines))`, `[json.loads(line) for line in lines]`, a split of those."""
    if isinstance(node, ast.Subscript):
        return _text(node.slice) is not None and _loads(script, node.value)
    if isinstance(node, ast.ListComp):
        return isinstance(node.elt, ast.Call) and _name(script, node.elt.func) == LOADS[0]
    if not isinstance(node, ast.Call):
        return False
    name = _name(script, node.func)
    if name == "list" and len(node.args) == 1:
        return _loads(script, node.args[0])
    if name == "map" and len(node.args) == 2:
        return _name(script, node.args[0]) == LOADS[0]
    return name == LOADS[1]


def _is_loaded(script: Script, node: ast.expr, loaded: set[str]) -> bool:
    return (isinstance(node, ast.Name) and node.id in loaded) or _loads(script, node)


def _otherwise_bound(script: Script, loaded: set[str]) -> set[str]:
    """Loop variables that go over something else elsewhere."""
    return {
        node.target.id
        for node in ast.walk(script.tree)
        if isinstance(node, ast.For | ast.AsyncFor | ast.comprehension)
        and isinstance(node.target, ast.Name)
        and not _is_loaded(script, node.iter, loaded)
    }


def _first_parameter(script: Script, node: ast.expr) -> set[str]:
    if isinstance(node, ast.Lambda):
        return {argument.arg for argument in node.args.args[:1]}
    if not isinstance(node, ast.Name):
        return set()
    functions = [one for one in ast.walk(script.tree) if isinstance(one, ast.FunctionDef) and one.name == node.id]
    return {argument.arg for one in functions for argument in one.args.args[:1]}


def _needed(script: Script, there: set[str]) -> Iterator[Flaw]:
    """A trainer that is given the dataset as it was loaded."""
    loaded = _loaded(script)
    for call in script.calls():
        trainer = (script.dotted(call.func) or "").rpartition(".")[2]
        given = {keyword.arg: keyword.value for keyword in call.keywords}
        if trainer not in WANTED or any(name in script.text or name in script.config for name in OTHERWISE):
            continue
        as_loaded = "train_dataset" in given and _is_loaded(script, given["train_dataset"], loaded)
        if as_loaded and not any(wanted <= there for wanted in WANTED[trainer]):
            wanted = " or ".join(" + ".join(sorted(one)) for one in WANTED[trainer])
            told = f"{trainer} needs {wanted}; the dataset has {', '.join(sorted(there))}"
            yield Flaw(stage="columns", told=f"{script.at(call)}: {told}")


def _name(script: Script, node: ast.expr) -> str | None:
    """`json.loads`, `list`; of a library the name that it has there."""
    dotted = script.dotted(node)
    if dotted is not None:
        return dotted
    return ast.unparse(node) if isinstance(node, ast.Name | ast.Attribute) else None


def _text(node: ast.AST) -> str | None:
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else None
