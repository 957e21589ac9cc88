"""Whether a bundle is what it was when it was written. Asked before anything in it is run."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from services.artifacts.manifest import ManifestFile, sha256_of
from services.bundle.manifest import BASE, CODE, DATA, METRIC, NAME, SEALED, STEPS, USE, Bundle

LOOKED_THROUGH = (STEPS, DATA, BASE, SEALED, USE, CODE, METRIC)
"""Folders in which a file that the manifest does not name would take part; bytecode too, which Python prefers to the
script beside it."""


def differences(bundle: Bundle, folder: Path) -> list[str]:
    """What differs, a sentence each; empty when nothing does. The test split may have been taken out, or be readable by
    somebody else alone."""
    named, found = {file.name: file for file in bundle.files}, sorted(_found(folder))
    links = {name for name in (NAME, *LOOKED_THROUGH, *named, *found) if _is_link(folder / name)}
    told = [f"{name} is a link: a bundle has the files themselves" for name in sorted(links)]
    for name, file in named.items():
        if not links & {name, *(parent.as_posix() for parent in PurePosixPath(name).parents)}:
            told += _difference(file, folder / name)
    return told + [f"{name} was added" for name in found if name not in {*named, *links}]


def _found(folder: Path) -> Iterator[str]:
    """All files that would take part, and links, to folders too."""
    for top in LOOKED_THROUGH:
        for root, folders, names in os.walk(folder / top):
            for path in (Path(root, name) for name in (*names, *folders)):
                if not path.is_dir() or path.is_symlink():
                    yield path.relative_to(folder).as_posix()


def _is_link(path: Path) -> bool:
    try:
        return path.is_symlink()
    except PermissionError:  # it lies in a folder of somebody else: nothing is read through it
        return False


def _difference(file: ManifestFile, path: Path) -> Iterator[str]:
    """Of a file that the manifest names, and that no link leads to."""
    try:
        digest = sha256_of(path) if path.is_file() else None
    except PermissionError:
        if not is_test_split(file.name):
            yield f"{file.name} cannot be read: it belongs to somebody else"
        return
    if digest is None:
        if not is_test_split(file.name):
            yield f"{file.name} is missing"
    elif digest != file.sha256:
        yield f"{file.name} was changed: its sha256 is {digest[:12]}…, not {file.sha256[:12]}…"


def is_test_split(name: str) -> bool:
    return name.startswith(f"{SEALED}/")
