"""A column's type as the datasets library writes it down, in a few words.

https://huggingface.co/docs/datasets/about_dataset_features
"""

from __future__ import annotations

from typing import Any

from tools.excerpt import shortened

Features = dict[str, Any]
"""Column → type, as JSON."""
LABELS = 12
DEEPEST = 4
LONGEST = 400


def feature(kind: Any) -> str:
    """`string`, `list of string`, `class label (2: no, yes)`, `{role: string, content: string}`."""
    return shortened(_told(kind, 0), LONGEST)


def _told(kind: Any, depth: int) -> str:
    if depth > DEEPEST:
        return "…"
    if isinstance(kind, list) and len(kind) == 1:
        return f"list of {_told(kind[0], depth + 1)}"
    if not isinstance(kind, dict):
        return "not said"
    name = kind.get("_type")
    if name == "Value":
        return str(kind.get("dtype", "value"))
    if name == "ClassLabel":
        names = [str(one) for one in kind.get("names") or ()]
        shown = ", ".join(names[:LABELS]) + (", …" if len(names) > LABELS else "")
        return f"class label ({len(names)}: {shown})"
    if name in ("List", "LargeList", "Sequence"):
        return f"list of {_told(kind.get('feature'), depth + 1)}"
    if isinstance(name, str):
        return name
    return "{" + ", ".join(f"{column}: {_told(inner, depth + 1)}" for column, inner in kind.items()) + "}"
