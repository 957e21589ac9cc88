"""A server's JSON Schema, as far as a model is shown it: rebuilt from what is known to be understood by every provider.

What cannot be kept is left out, so that no schema of a stranger makes a provider refuse the whole request.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

DEEPEST, MOST_CHARACTERS = 6, 6_000
MOST_CHOICES, ABOUT = 50, 300
_PROPERTY = re.compile(r"[A-Za-z0-9_-]{1,64}")
_TYPES = ("string", "integer", "number", "boolean", "array", "object", "null")
_NUMBERS = ("minimum", "maximum", "minLength", "maxLength", "minItems", "maxItems")


class BadSchema(ValueError):
    """A schema with which a tool cannot be offered; the text says why."""


def rebuilt(properties: Any, required: Any) -> dict[str, Any]:
    """`{"type": "object", "properties": …, "required": …}`. Raises `BadSchema`."""
    if not isinstance(properties, Mapping):
        raise BadSchema("its arguments have no names")
    made = _object({"properties": properties, "required": required}, 0)
    if len(json.dumps(made)) > MOST_CHARACTERS:
        raise BadSchema(f"its arguments take more than {MOST_CHARACTERS:,} characters")
    return made


def plain(text: Any, characters: int) -> str:
    """On one line, without what does not show, at most so many characters."""
    shown = "".join(one if one.isprintable() else " " for one in str(text)[: 4 * characters])
    line = " ".join(shown.split())
    return line if len(line) <= characters else line[: characters - 1] + "…"


def _node(node: Any, depth: int) -> dict[str, Any]:
    """One argument, or a part of one; `{}`, anything, where it is not understood."""
    if not isinstance(node, Mapping) or depth > DEEPEST:
        return {}
    made: dict[str, Any] = {}
    kind = node.get("type")
    if kind in _TYPES if isinstance(kind, str) else False:
        made["type"] = kind
    elif isinstance(kind, list) and kind and all(one in _TYPES for one in kind):
        made["anyOf"] = [{"type": one} for one in kind]
    for union in ("anyOf", "oneOf", "allOf"):
        if isinstance(node.get(union), list) and "type" not in made:
            made["anyOf"] = [_node(one, depth + 1) for one in node[union][:MOST_CHOICES]]
    if isinstance(node.get("enum"), list) and (choices := _scalars(node["enum"])):
        made["enum"] = choices
    if node.get("description"):
        made["description"] = plain(node["description"], ABOUT)
    if (default := _scalars([node.get("default")])) and default != [None]:
        made["default"] = default[0]
    made |= {name: node[name] for name in _NUMBERS if isinstance(node.get(name), int | float)}
    if made.get("type") == "array":
        made["items"] = _node(node.get("items"), depth + 1)
    if made.get("type") == "object" and isinstance(node.get("properties"), Mapping):
        made |= _object(node, depth + 1)
    return made


def _object(node: Mapping[str, Any], depth: int) -> dict[str, Any]:
    bad = [name for name in node["properties"] if not isinstance(name, str) or _PROPERTY.fullmatch(name) is None]
    if bad:
        raise BadSchema("an argument's name is none")
    properties = {name: _node(one, depth + 1) for name, one in node["properties"].items()}
    required = node.get("required")
    wanted = (
        [name for name in required if isinstance(name, str) and name in properties]
        if isinstance(required, list)
        else []
    )
    return {"type": "object", "properties": properties, "required": wanted}


def _scalars(values: list[Any]) -> list[Any]:
    """Those that are plain and short; strings without what does not show."""
    kept = [one for one in values[:MOST_CHOICES] if isinstance(one, str | int | float | bool)]
    return [plain(one, ABOUT) if isinstance(one, str) else one for one in kept]
