"""Where a run's code comes from: the git state of the folder that it was started in, and the versions it runs with."""

from __future__ import annotations

import subprocess
from importlib import metadata
from pathlib import Path
from typing import Any

PACKAGES = ("postdocs", "torch", "transformers", "trl", "peft", "accelerate", "datasets")
GIT_SECONDS = 10.0


def provenance(folder: Path) -> dict[str, Any]:
    """`{"git": {"commit": …, "dirty": …}, "versions": {…}}`; without `git` where the folder is in no repository."""
    git = _git_state(folder)
    return ({"git": git} if git else {}) | {"versions": _versions()}


def _git_state(folder: Path) -> dict[str, Any] | None:
    commit = _git(folder, "rev-parse", "HEAD")
    changed = _git(folder, "status", "--porcelain", "--untracked-files=no")
    if commit is None or changed is None:
        return None
    return {"commit": commit, "dirty": bool(changed)}


def _git(folder: Path, *arguments: str) -> str | None:
    """What git prints; None where there is no git, or no repository."""
    command = ["git", "-C", str(folder), *arguments]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=GIT_SECONDS, check=True)
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip()


def _versions() -> dict[str, str]:
    found = {}
    for package in PACKAGES:
        try:
            found[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            continue
    return found
