"""Whether a bundle is what it was when it was written. Asked before anything in it is run."""

from __future__ import annotations

from pathlib import Path

from services.artifacts.manifest import sha256_of
from services.bundle.manifest import BASE, CODE, DATA, METRIC, SEALED, STEPS, USE, Bundle

LOOKED_THROUGH = (STEPS, DATA, BASE, SEALED, USE, CODE, METRIC)
"""Folders in which a file that the manifest does not name would take part."""
_MADE = "__pycache__"


def differences(bundle: Bundle, folder: Path) -> list[str]:
    """What differs, a sentence each; empty when nothing does. The test split may have been taken out."""
    told = []
    for file in bundle.files:
        path = folder / file.name
        if not path.is_file() or path.is_symlink():
            if not is_test_split(file.name):
                told.append(f"{file.name} is missing")
        elif (digest := sha256_of(path)) != file.sha256:
            told.append(f"{file.name} was changed: its sha256 is {digest[:12]}…, not {file.sha256[:12]}…")
    named = {file.name for file in bundle.files}
    found = (path for top in LOOKED_THROUGH for path in sorted((folder / top).rglob("*")) if not path.is_dir())
    names = (path.relative_to(folder) for path in found)
    told += [f"{name} was added" for name in names if name.as_posix() not in named and _MADE not in name.parts]
    return told


def is_test_split(name: str) -> bool:
    return name.startswith(f"{SEALED}/")
