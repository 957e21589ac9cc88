"""Is it Python? The first check: without it there is no other."""

from __future__ import annotations

import ast
from collections.abc import Mapping

import yaml

from protocol.preflight import Flaw
from services.executor.preflight.script import Script


def parse(argv: tuple[str, ...], files: Mapping[str, str]) -> Script | list[Flaw]:
    """The script that a job's `argv` names with its config, or what is wrong with them."""
    name = argv[0]
    if name not in files:
        return [Flaw(stage="parse", told=f"{name}: there is no such file among the job's")]
    try:
        tree = ast.parse(files[name], name)
    except SyntaxError as error:
        shown = f"\n    {error.text.strip()}" if error.text else ""
        return [Flaw(stage="parse", told=f"{name}:{error.lineno or 1}: {error.msg}{shown}")]
    except (ValueError, RecursionError, MemoryError) as error:
        return [Flaw(stage="parse", told=f"{name}:1: {error or type(error).__name__}")]
    config_name = _config(argv, files)
    text = files.get(config_name, "")
    try:
        config = yaml.safe_load(text) if text else {}
    except yaml.YAMLError as error:
        line = getattr(getattr(error, "problem_mark", None), "line", 0) + 1
        return [Flaw(stage="parse", told=f"{config_name}:{line}: {getattr(error, 'problem', None) or error}")]
    if not isinstance(config, dict):
        return [Flaw(stage="parse", told=f"{config_name}:1: it must be a mapping of names to values")]
    return Script(name, files[name], tree, config_name, config, text)


def _config(argv: tuple[str, ...], files: Mapping[str, str]) -> str:
    """As TRL's scripts are told of it; a script may also read a `config.yaml` by itself."""
    if "--config" in argv[:-1]:
        return argv[argv.index("--config") + 1]
    return "config.yaml" if "config.yaml" in files else ""
