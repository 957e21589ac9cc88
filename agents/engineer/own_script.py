"""The job of a script that the Engineer has written itself: the files beside it, and a `config.yaml` that it can read.

TRL's parser refuses a config with a key that none of the script's dataclasses has. So a script that has such a parser
is given the keys that its dataclasses know, as far as their names tell; one that reads the file itself is given all.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable

import yaml

from agents.engineer import config
from agents.engineer.plan import Recipe, View
from protocol.experiment import Experiment, Value
from protocol.job import JobSpec

SCRIPT = "train.py"
CONFIG = "config.yaml"
FIXED = ("model_name_or_path", "dataset_name", "output_dir")
"""Keys that are not the Engineer's to set: they say which weights and rows, and where the model is looked for."""
_PARSERS = ("TrlParser", "HfArgumentParser")
_OWN = ("train_seconds", "metric", "metric_folder", "stop")
"""Keys of the crew's own: a script declares them in a dataclass of its own, as the crew's scripts do."""
_OWNERS = {
    "dataset_name": ("ScriptArguments",),
    "model_name_or_path": ("ModelConfig",),
    "dtype": ("ModelConfig",),
    "max_length": ("SFTConfig", "DPOConfig", "KTOConfig", "RewardConfig"),
    "train_sampling_strategy": ("SFTConfig",),
    "dataset_kwargs": ("SFTConfig",),
    "max_completion_length": ("GRPOConfig", "RLOOConfig"),
    "use_vllm": ("GRPOConfig", "RLOOConfig"),
    "vllm_mode": ("GRPOConfig", "RLOOConfig"),
}
"""Key → the classes of TRL that have it. What is not named here is one of `TrainingArguments`, …"""
_NO_ARGUMENTS = ("ModelConfig", "LoraConfig", "PeftConfig", "GenerationConfig", "AutoConfig", "BitsAndBytesConfig")
"""… which all of TRL's other `…Config` classes are."""
_TOKENIZED = "pairs.tokenized"
"""Tokenises rows itself: only with it TRL is to leave them alone."""


def job(view: View, experiment: Experiment, text: str, numbers: dict[str, Value]) -> JobSpec:
    """As that of a bundled script, with this one in its place."""
    offered = (
        config.common(view, experiment)
        | config.pairs(view)
        | config.reward(view)
        | config.generation(view)
        | {"max_completion_length": view.request.decoding.max_new_tokens}
    )
    told = {name: value for name, value in offered.items() if name in _readable(text, offered)} | numbers
    spec = config.job(view, experiment, "sft.py", offered, with_metric=True)
    files = {name: source for name, source in spec.files.items() if name not in ("sft.py", CONFIG)}
    head = f"# {experiment.id}\n"
    files |= {SCRIPT: text, CONFIG: head + yaml.safe_dump(told, sort_keys=False)}
    return spec.model_copy(update={"files": files, "argv": (SCRIPT, "--config", CONFIG)})


def on_base_weights(view: View, experiment: Experiment, text: str, numbers: dict[str, Value]) -> JobSpec:
    """The same from the base model: what can be tried while its parent still trains."""
    return job(view, experiment.model_copy(update={"parent": None}), text, numbers)


def _readable(text: str, offered: Recipe) -> Iterable[str]:
    """The keys that the script can be given."""
    try:
        tree = ast.parse(text)
    except (SyntaxError, ValueError, RecursionError):
        return offered  # it is told what is wrong with it elsewhere
    names = {part for node in ast.walk(tree) for part in _names(node)}
    if not names & set(_PARSERS):
        return [name for name in offered if name != "dataset_kwargs" or _TOKENIZED in names]
    declared = {
        part.target.id
        for node in ast.walk(tree)
        if isinstance(node, ast.ClassDef)
        for part in node.body
        if isinstance(part, ast.AnnAssign) and isinstance(part.target, ast.Name)
    }
    return [name for name in offered if name in declared or _has(name, names)]


def _has(key: str, names: set[str]) -> bool:
    """Whether one of the named classes of TRL has the key."""
    if key in _OWN:
        return False
    if key == "dataset_kwargs" and _TOKENIZED not in names:
        return False
    if key in _OWNERS:
        return bool(names & set(_OWNERS[key]))
    configs = {name for name in names if name.endswith("Config") and name not in _NO_ARGUMENTS}
    return "TrainingArguments" in names or bool(configs)


def _names(node: ast.AST) -> Iterable[str]:
    if isinstance(node, ast.Name):
        return (node.id,)
    if isinstance(node, ast.Attribute):
        return (node.attr,)
    if isinstance(node, ast.ImportFrom):
        names = [alias.name for alias in node.names]
        return (*names, *(f"{node.module}.{name}" for name in names))
    return tuple(alias.name for alias in node.names) if isinstance(node, ast.Import) else ()
