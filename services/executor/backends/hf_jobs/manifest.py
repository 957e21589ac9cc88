"""What a job has brought into the bucket so far, as the job's side lists it and the worker's side checks it."""

from __future__ import annotations

import hashlib
from pathlib import Path, PurePosixPath
from typing import Annotated

from pydantic import AfterValidator, Field

from protocol.message import Part

NAME = "manifest.json"
OUT = "out"
"""Folder beside the manifest that holds the files."""
CHUNK = 1 << 20


def _inside(path: str) -> str:
    """A job can write anything into its bucket: no path of it may lead out of the folder that it is brought into."""
    parts = PurePosixPath(path).parts
    if not parts or path.startswith("/") or ".." in parts or "\0" in path:
        raise ValueError(f"{path!r} leads out of the job's folder")
    return path


class Kept(Part):
    """One file in the bucket."""

    size: Annotated[int, Field(ge=0)]
    """Bytes."""
    sha256: str


class Manifest(Part):
    """All files, by their path in the job's folder; written after them, so that what it names is whole."""

    generation: int = 0
    """Grows with each writing."""
    files: dict[Annotated[str, AfterValidator(_inside)], Kept] = {}

    def checkpoints(self) -> list[str]:
        """Paths of the checkpoints, oldest first."""
        found = {str(parent) for path in self.files for parent in PurePosixPath(path).parents if _is_checkpoint(parent)}
        return sorted(found, key=lambda path: int(path.rsplit("-", 1)[1]))

    def below(self, folder: str) -> dict[str, Kept]:
        return {path: kept for path, kept in self.files.items() if path.startswith(f"{folder}/")}


def _is_checkpoint(path: PurePosixPath) -> bool:
    name, _, step = path.name.partition("-")
    return name == "checkpoint" and step.isdigit()


def sha256(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while data := file.read(CHUNK):
            digest.update(data)
    return digest.hexdigest()
