"""What can be wrong in a task file, found on its YAML nodes so that every fault has a line and a remedy.

Called by `services.task_file`, with `services.task_columns` and `services.task_metric`.
"""

from __future__ import annotations

import difflib
import math
import re
import string
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import yaml
from pydantic import BaseModel, ValidationError

from protocol.benchmark import Benchmark
from protocol.brief import Budget, Compute, DataSource, EvalPlan, MindBudget, Source, Task
from protocol.crew import CrewPlan, Seat
from tools.templates import TemplateError, columns

Loc = tuple[str | int, ...]

EXAMPLES: Mapping[str, str] = {
    "name": "name: my-task",
    "goal": "goal: Write a date as ISO 8601.",
    "base_model": "base_model: Qwen/Qwen3-0.6B-Base",
    "prompt": 'prompt: "{question} ->"',
    "answer": 'answer: " {answer}"',
    "metric": "metric: exact_match",
    "data": "data: [{name: train, file: train.jsonl}]",
    "eval": "eval: {dev: {file: dev.jsonl}, test: {file: test.jsonl}}",
    "dev": "dev: {file: dev.jsonl}",
    "test": "test: {file: test.jsonl}",
    "benchmark": "benchmark: {dev_share: 0.5, seed: 0}",
    "dev_split": "dev_split: validation",
    "dev_share": "dev_share: 0.5",
    "dev_sample": "dev_sample: 400",
    "score": "score: acc_norm",
    "shots": "shots: 5",
    "chat": "chat: true",
    "env": "env: [HF_TOKEN]",
    "target": "target: 0.85",
    "budget": "budget: {time: 5m}",
    "time": "time: 5m",
    "usd": "usd: 20",
    "tokens": "tokens: 1000000",
    "tool_calls": "tool_calls: 500",
    "roles": "roles: {engineer: {usd: 2}}",
    "gpu_hours": "gpu_hours: 2.5",
    "compute": "compute: {queue: default, gpus: 1}",
    "queue": "queue: default",
    "gpus": "gpus: 1",
    "kind": "kind: h100",
    "min_memory_gb": "min_memory_gb: 20",
    "memory_gb": "memory_gb: 16",
    "disk_gb": "disk_gb: 200",
    "backend": "backend: auto",
    "launch": "launch: auto",
    "priority": "priority: 5",
    "hosts": "hosts: [huggingface.co]",
    "requirements": "requirements: [bitsandbytes==0.48]",
    "file": "file: train.jsonl",
    "dataset": "dataset: PolyAI/banking77",
    "split": "split: train",
    "config": "config: default",
    "generator": "generator: generate.py",
    "args": 'args: [clean, --rows, "8000"]',
    "sample": "sample: 500",
    "seed": "seed: 0",
    "license": "license: CC0-1.0",
    "crew": "crew: {without: [reviewer]}",
    "without": "without: [reviewer]",
    "replace": "replace: {critic: my_critic}",
    "add": "add: {statistician: {after: critic}}",
    "after": "after: critic",
    "elsewhere": "elsewhere: true",
}
"""Key → what to write, for the remedy."""

_MODELS: Mapping[str, type[BaseModel]] = {
    "": Task,
    "data": DataSource,
    "eval": EvalPlan,
    "dev": Source,
    "test": Source,
    "budget": Budget,
    "compute": Compute,
    "benchmark": Benchmark,
    "crew": CrewPlan,
}
"""The section a key stands in → the model that says which keys it may have."""

_BY_NAME: Mapping[tuple[str, ...], type[BaseModel]] = {("budget", "roles"): MindBudget, ("crew", "add"): Seat}
"""The same, for sections whose keys are names of roles."""

_NOT_A: Mapping[str, str] = {
    "int_parsing": "not a whole number",
    "int_type": "not a whole number",
    "int_from_float": "not a whole number",
    "int_parsing_size": "too big a number",
    "float_parsing": "not a number",
    "float_type": "not a number",
    "string_type": "not text",
    "tuple_type": "not a list",
    "dict_type": "not a mapping of keys to values",
    "model_type": "not a mapping of keys to values",
    "model_attributes_type": "not a mapping of keys to values",
    "string_pattern_mismatch": "not a plain name (letters, digits, - and _ only)",
}
"""Pydantic's error type → our words."""

_YAML = "tag:yaml.org,2002:"
_MAY_BE_TRUE = (("benchmark", "chat"), ("benchmark", "args"), ("crew", "add"))


class Fault(NamedTuple):
    """Something wrong, and the line (from 1) it stands on."""

    line: int
    text: str


def spell(loc: Loc) -> str:
    """`("data", 0, "args", 2)` as `data[0].args[2]`."""
    return "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in loc).removeprefix(".")


def line_of(root: yaml.Node, loc: Loc) -> int:
    return _find(root, loc)[0]


def _find(root: yaml.Node, loc: Loc) -> tuple[int, yaml.Node]:
    """The line of the key (or list item) at `loc`, and its value; what is absent has the line of what it lacks in."""
    line, node = root.start_mark.line + 1, root
    for step in loc:
        if isinstance(node, yaml.MappingNode):
            found = next(((k, v) for k, v in node.value if k.value == str(step)), None)
            if found is None:
                break
            line, node = found[0].start_mark.line + 1, found[1]
        elif isinstance(node, yaml.SequenceNode) and isinstance(step, int) and step < len(node.value):
            node = node.value[step]
            line = node.start_mark.line + 1
        else:
            break
    return line, node


def _shown(node: yaml.Node) -> str:
    """A value, short enough for one line."""
    if isinstance(node, yaml.ScalarNode):
        if node.tag == _YAML + "null":
            return "empty"
        text = node.value if len(node.value) <= 60 else node.value[:57] + "…"
        return text if not node.style and re.fullmatch(r"[-+]?\d[-\w.]*", text) else repr(text)
    return "a list" if isinstance(node, yaml.SequenceNode) else "a mapping"


# -- faults that YAML itself has no word for ---------------------------------------------------------------------


def in_structure(node: yaml.Node, loc: Loc = (), above: tuple[int, ...] = ()) -> Iterator[Fault]:
    """Repeated keys, keys that are not text, truth values (few keys take one), scalars that cannot be read."""
    line = node.start_mark.line + 1
    if id(node) in above:
        yield Fault(line, f"{spell(loc)} contains itself: take the alias (*) out")
    elif isinstance(node, yaml.ScalarNode):
        yield from _in_scalar(node, loc, line)
    elif isinstance(node, yaml.SequenceNode):
        for index, item in enumerate(node.value):
            yield from in_structure(item, (*loc, index), (*above, id(node)))
    elif isinstance(node, yaml.MappingNode):
        yield from _in_mapping(node, loc, (*above, id(node)))


def _in_scalar(node: yaml.ScalarNode, loc: Loc, line: int) -> Iterator[Fault]:
    if node.tag == _YAML + "bool" and loc[:2] not in _MAY_BE_TRUE:
        told = f"YAML reads it as true or false: put it in quotes if you mean the word, e.g. '{node.value}'"
        yield Fault(line, f"{spell(loc)} is {node.value}, and {told}")
        return
    try:
        yaml.constructor.SafeConstructor().construct_object(node)
    except (yaml.YAMLError, ValueError, OverflowError) as error:
        reason = getattr(error, "problem", None) or str(error)
        yield Fault(line, f"{spell(loc)} is {_shown(node)}, which cannot be read ({reason}): put it in quotes")


def _in_mapping(node: yaml.MappingNode, loc: Loc, above: tuple[int, ...]) -> Iterator[Fault]:
    seen: dict[str, int] = {}
    for key, value in node.value:
        line = key.start_mark.line + 1
        if key.tag == _YAML + "merge":
            yield from in_structure(value, loc, above)
            continue
        if not isinstance(key, yaml.ScalarNode) or key.tag != _YAML + "str":
            yield Fault(line, f"{_shown(key)} is not a key of a task: {_keys_told(loc)}")
            continue
        if key.value in seen:
            told = f"{spell((*loc, key.value))} stands here and on line {seen[key.value]}: keep one"
            yield Fault(line, told)
        seen[key.value] = line
        yield from in_structure(value, (*loc, key.value), above)


# -- faults in values, as the model finds them --------------------------------------------------------------------


def in_values(root: yaml.Node, error: ValidationError) -> list[Fault]:
    """The model's complaints in our words."""
    details = error.errors(include_url=False)
    unknown = [(d["loc"][:-1], str(d["loc"][-1])) for d in details if d["type"] == "extra_forbidden"]
    faults = []
    for detail in details:
        loc: Loc = detail["loc"]
        if detail["type"] == "missing":
            misspelt = any(parent == loc[:-1] and _closest(key, [str(loc[-1])]) for parent, key in unknown)
            if not misspelt:  # "did you mean" says it already
                faults.append(Fault(line_of(root, loc), _missing(loc)))
        else:
            faults.append(Fault(line_of(root, loc), _wrong(root, loc, detail["type"], detail["msg"])))
    return faults


def _missing(loc: Loc) -> str:
    where = f" in {spell(loc[:-1])}" if loc[:-1] else ""
    return f"{str(loc[-1])!r} is missing{where}: write e.g. {EXAMPLES.get(str(loc[-1]), f'{loc[-1]}: …')}"


def _wrong(root: yaml.Node, loc: Loc, kind: str, message: str) -> str:
    name, value = spell(loc) or "the task", _shown(_find(root, loc)[1])
    key = next((step for step in reversed(loc) if isinstance(step, str)), "")
    example = EXAMPLES.get(key, "")
    if kind in ("extra_forbidden", "invalid_key"):
        return _unknown(loc)
    if kind == "value_error":
        return f"{name}: {message.removeprefix('Value error, ')}"
    if kind == "string_type" and value != "empty" and not value.startswith("a "):
        return f"{name} is {value}, not text: put it in quotes, e.g. {value!r}"
    if kind == "string_type" and isinstance(loc[-1], int):
        return f"{name} is {value}, not text: write e.g. {example}"
    if kind in _NOT_A:
        return f"{name} is {value}, {_NOT_A[kind]}: write e.g. {example}"
    told = re.sub(r"^(Input|Tuple|Value) should ", "", message)
    return f"{name} is {value}, and should {told}: write e.g. {example}"


def _unknown(loc: Loc) -> str:
    key, section = str(loc[-1]), loc[:-1]
    close = _closest(key, _keys(section))
    told = f"{spell(loc)!r} is not a key of a task"
    if close:
        return f"{told}: did you mean {close!r}?"
    home = next((place for place, model in _MODELS.items() if key in model.model_fields), None)
    if home is not None and key not in _keys(section):
        return f"{told}: {key!r} belongs under {home!r}" if home else f"{told}: {key!r} belongs at the top of the file"
    return f"{told}: {_keys_told(section)}"


def _keys(section: Loc) -> list[str]:
    """The keys that may stand in a section of the file."""
    names = [step for step in section if isinstance(step, str)]
    model = _BY_NAME.get(tuple(names[:-1])) or _MODELS.get(names[-1] if names else "")
    return list(model.model_fields) if model else []


def _keys_told(section: Loc) -> str:
    return f"keys here are {', '.join(_keys(section) or list(Task.model_fields))}"


def _closest(key: str, known: Sequence[str]) -> str | None:
    folded = {name.replace("_", ""): name for name in known}
    found = difflib.get_close_matches(key.lower().replace("_", "").replace("-", ""), folded, n=1, cutoff=0.66)
    return folded[found[0]] if found else None


# -- faults that the model lets pass ------------------------------------------------------------------------------


def in_templates(root: yaml.Node, task: Task) -> Iterator[Fault]:
    """Templates that `str.format` cannot fill or that name no column; numbers that are not finite."""
    for key, template in (("prompt", task.prompt), ("answer", task.answer)):
        reason = _template_fault(template)
        if reason:
            line = line_of(root, (key,))
            yield Fault(line, f"{key} is {template[:60]!r}, {reason}: write e.g. {EXAMPLES[key]}")
    numbers: list[tuple[Loc, Any]] = [(("budget", key), value) for key, value in task.budget]
    numbers += [(("budget", "roles", role, key), value) for role, of in task.budget.roles.items() for key, value in of]
    numbers += [(("compute", key), value) for key, value in task.compute]
    for loc, value in numbers:
        if isinstance(value, float) and not math.isfinite(value):
            yield Fault(line_of(root, loc), f"{spell(loc)} is not finite: write e.g. {EXAMPLES[str(loc[-1])]}")


def _template_fault(template: str) -> str | None:
    try:
        fields = [field for _, field, _, _ in string.Formatter().parse(template) if field is not None]
    except ValueError as error:
        return f"a template that cannot be filled ({error}; a brace itself is written {{{{ or }}}})"
    if not fields:
        return "which names no column of the data"
    odd = next((field for field in fields if not re.match(r"[^\W\d]", field)), None)
    if odd is not None:
        return f"whose {{{odd}}} is not a column's name (a brace itself is written {{{{ or }}}})"
    try:
        columns(template)
    except TemplateError as error:
        return f"which is not a plain template ({error.what})"
    return None
