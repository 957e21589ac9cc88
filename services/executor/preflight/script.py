"""A job's script as the checks read it. Made in the trial's sandbox: nothing of it runs yet."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

LIBRARIES = ("trl", "transformers", "peft", "datasets", "accelerate", "torch")
"""Whose calls are compared with what is installed."""


@dataclass(frozen=True)
class Script:
    """A script that parses, and the config that it is started with."""

    name: str
    text: str
    tree: ast.Module
    config_name: str = ""
    config: Mapping[str, Any] = field(default_factory=dict)
    config_text: str = ""

    @cached_property
    def imports(self) -> dict[str, str]:
        """Local name → dotted name in one of the libraries; without those that stand for something else too."""
        found = {local: dotted for local, dotted, _ in self.imported()}
        return {local: dotted for local, dotted in found.items() if local not in self._bound}

    def imported(self) -> Iterator[tuple[str, str, ast.stmt]]:
        """(local name, dotted name, statement) of what is imported from the libraries."""
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Import):
                for alias in node.names:
                    root = _root(alias.name)
                    if root in LIBRARIES:
                        yield (alias.asname, alias.name, node) if alias.asname else (root, root, node)
            elif isinstance(node, ast.ImportFrom) and not node.level and _root(node.module) in LIBRARIES:
                for alias in node.names:
                    yield alias.asname or alias.name, f"{node.module}.{alias.name}", node

    def dotted(self, node: ast.expr) -> str | None:
        """The library's name that an expression like `trl.SFTConfig` stands for, if it does."""
        if isinstance(node, ast.Name):
            return self.imports.get(node.id)
        if isinstance(node, ast.Attribute):
            before = self.dotted(node.value)
            return f"{before}.{node.attr}" if before is not None else None
        return None

    def calls(self) -> Iterator[ast.Call]:
        """All calls in it, in the order of their lines."""
        found = [node for node in ast.walk(self.tree) if isinstance(node, ast.Call)]
        return iter(sorted(found, key=lambda call: (call.lineno, call.col_offset)))

    def at(self, node: ast.AST) -> str:
        """`train.py:12`."""
        return f"{self.name}:{getattr(node, 'lineno', 1)}"

    def at_key(self, key: str) -> str:
        """`config.yaml:3`, where the key stands."""
        lines = self.config_text.splitlines()
        line = next((number for number, text in enumerate(lines, 1) if text.startswith(f"{key}:")), 1)
        return f"{self.config_name}:{line}"

    @cached_property
    def _bound(self) -> set[str]:
        """Names that are bound otherwise than by an import."""
        bound: set[str] = set()
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store | ast.Del):
                bound.add(node.id)
            elif isinstance(node, ast.arg):
                bound.add(node.arg)
            elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
                bound.add(node.name)
        return bound


def _root(module: str | None) -> str:
    return (module or "").partition(".")[0]
