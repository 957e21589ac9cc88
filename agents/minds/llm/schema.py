"""The JSON Schema of a pydantic model as tool parameters: references resolved, titles and defaults' noise left out."""

from __future__ import annotations

from typing import Any

from autogen_core.tools import ParametersSchema
from pydantic import BaseModel


def parameters(model: type[BaseModel]) -> ParametersSchema:
    """`{"type": "object", "properties": …, "required": …, "additionalProperties": false}`. Recursion is refused."""
    schema = model.model_json_schema()
    resolved = _resolve(schema, schema.pop("$defs", {}), ())
    return ParametersSchema(
        type="object",
        properties=resolved.get("properties", {}),
        required=resolved.get("required", []),
        additionalProperties=False,
    )


def _resolve(node: Any, definitions: dict[str, Any], within: tuple[str, ...]) -> Any:
    if isinstance(node, list):
        return [_resolve(item, definitions, within) for item in node]
    if not isinstance(node, dict):
        return node
    if "$ref" in node:
        name = node["$ref"].rsplit("/", 1)[-1]
        if name in within:
            raise TypeError(f"{name} contains itself: a form cannot ask for that")
        rest = {key: value for key, value in node.items() if key != "$ref"}
        return _resolve(definitions[name], definitions, (*within, name)) | _resolve(rest, definitions, within)
    kept = {key: value for key, value in node.items() if not (key == "title" and isinstance(value, str))}
    return {key: _resolve(value, definitions, within) for key, value in kept.items()}
