"""What a name of the installed libraries takes: parameters, defaults, the beginning of its documentation."""

from __future__ import annotations

import inspect
import sys
from pathlib import Path
from typing import Any

from protocol.preflight import Signature
from services.executor.preflight.names import CannotTell, Unknown, find

ANSWER = "signature.json"
MOST_CHARACTERS = 8_000
DEFAULT_CHARACTERS = 120
DOC_LINES = 12
MEMBERS = 60


def main() -> None:
    """Run in a sandbox of its own, with the name as argument; the answer is left in the folder."""
    Path(ANSWER).write_text(signature(sys.argv[1]).model_dump_json())


def signature(name: str) -> Signature:
    try:
        found = find(name)
    except (Unknown, CannotTell) as error:
        return Signature(name=name, text=str(error), found=False)
    lines = [f"{name}{_parameters(found)}", *_documentation(found)]
    if inspect.ismodule(found) or (inspect.isclass(found) and len(lines) == 1):
        lines.append(f"has {', '.join(_members(found))}")
    text = "\n".join(lines)
    return Signature(name=name, text=text if len(text) <= MOST_CHARACTERS else f"{text[: MOST_CHARACTERS - 1]}…")


def _parameters(found: Any) -> str:
    """A line each; empty for what cannot be called, or does not tell."""
    try:
        parameters = inspect.signature(found).parameters.values()
    except (TypeError, ValueError):
        return ""
    return "(\n" + "".join(f"    {_parameter(one)},\n" for one in parameters if one.name != "self") + ")"


def _parameter(one: inspect.Parameter) -> str:
    """`learning_rate: float = 2e-05`."""
    stars = "*" if one.kind is one.VAR_POSITIONAL else "**" if one.kind is one.VAR_KEYWORD else ""
    kind = "" if one.annotation is one.empty else f": {inspect.formatannotation(one.annotation)}"
    default = "" if one.default is one.empty else f" = {repr(one.default)[:DEFAULT_CHARACTERS]}"
    return f"{stars}{one.name}{kind}{default}"


def _documentation(found: Any) -> list[str]:
    return [line.rstrip() for line in (inspect.getdoc(found) or "").splitlines()[:DOC_LINES]]


def _members(found: Any) -> list[str]:
    return [name for name in dir(found) if not name.startswith("_")][:MEMBERS]
