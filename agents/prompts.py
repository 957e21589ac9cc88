"""The prompts of the roles: Markdown files beside each role, after what holds for all. The text never changes within a
version, so that a provider can keep it in its cache."""

from __future__ import annotations

from functools import cache
from importlib.resources import files


@cache
def prompt(package: str) -> str:
    """`prompt.md` of a role's package, after the common part."""
    return in_full((files(package) / "prompt.md").read_text())


def in_full(text: str) -> str:
    """A role's own part of a prompt, after the common part."""
    common = (files("agents") / "prompt.md").read_text()
    return f"{common.strip()}\n\n{text.strip()}\n"
