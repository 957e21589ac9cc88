"""Keys of the config that the script's argument parser does not know: TRL's refuses them when the job starts."""

from __future__ import annotations

import ast
import dataclasses
from collections.abc import Iterator

from protocol.preflight import Flaw
from services.executor.preflight.names import CannotTell, Unknown, find, suggestion
from services.executor.preflight.script import Script

PARSERS = ("TrlParser", "HfArgumentParser")
READING = ("parse_args_and_config", "parse_yaml_file")
"""Their methods that read a config and refuse what they do not know, …"""
LENIENT = {"fail_with_unknown_args", "return_remaining_strings", "allow_extra_keys"}
"""… unless they are told to."""
ENVIRONMENT = "env"
"""A key of which `TrlParser` makes environment variables."""


def config_keys(script: Script) -> Iterator[Flaw]:
    """Says nothing where the script has no such parser, or where what it knows cannot be told."""
    known = _known(script)
    if known is None:
        return
    for key in script.config:
        if key not in known and key != ENVIRONMENT:
            told = f"the script's arguments have no `{key}`{suggestion(str(key), known)}"
            yield Flaw(stage="arguments", told=f"{script.at_key(str(key))}: {told}")


def _known(script: Script) -> set[str] | None:
    calls = list(script.calls())
    parsers = [call for call in calls if (script.dotted(call.func) or "").rpartition(".")[2] in PARSERS]
    reads = [call for call in calls if isinstance(call.func, ast.Attribute) and call.func.attr in READING]
    if len(parsers) != 1 or not reads:
        return None
    if any(keyword.arg is None or keyword.arg in LENIENT for call in reads for keyword in call.keywords):
        return None
    given = [*parsers[0].args, *(one.value for one in parsers[0].keywords if one.arg == "dataclass_types")]
    if not given:
        return None
    classes = given[0].elts if isinstance(given[0], ast.Tuple | ast.List) else [given[0]]
    known: set[str] = set()
    for one in classes:
        fields = _fields(script, one)
        if fields is None:
            return None
        known |= fields
    return known


def _fields(script: Script, node: ast.expr) -> set[str] | None:
    """Of a dataclass: a library's, or the script's own with its bases."""
    dotted = script.dotted(node)
    if dotted is not None:
        try:
            found = find(dotted)
        except (Unknown, CannotTell):
            return None
        return {field.name for field in dataclasses.fields(found)} if dataclasses.is_dataclass(found) else None
    if not isinstance(node, ast.Name):
        return None
    own = [one for one in ast.walk(script.tree) if isinstance(one, ast.ClassDef) and one.name == node.id]
    if len(own) != 1:
        return None
    names = {
        part.target.id for part in own[0].body if isinstance(part, ast.AnnAssign) and isinstance(part.target, ast.Name)
    }
    for base in own[0].bases:
        inherited = _fields(script, base)
        if inherited is None:
            return None
        names |= inherited
    return names
