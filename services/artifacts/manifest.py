"""What a folder holds: its files with their hashes. Its own hash is the folder's name in the store."""

from __future__ import annotations

import fnmatch
import hashlib
import os
import stat
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Annotated

from pydantic import AfterValidator, Field

from protocol.message import Part
from services.artifacts.errors import NotAnArtifact


def _plain(name: str) -> str:
    path = PurePosixPath(name)
    if path.is_absolute() or not path.parts or set(path.parts) & {"..", "."} or "\\" in name or "\0" in name:
        raise ValueError(f"{name!r} leads out of its folder")
    return name


class ManifestFile(Part):
    """One file."""

    name: Annotated[str, AfterValidator(_plain)]
    """Relative to the folder, with `/`."""
    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
    size: Annotated[int, Field(ge=0)]


class Manifest(Part):
    """A folder, its files sorted by name."""

    files: tuple[ManifestFile, ...]

    @property
    def size(self) -> int:
        return sum(file.size for file in self.files)

    def encoded(self) -> bytes:
        """The same bytes for the same folder, on any machine."""
        return self.model_dump_json().encode()


def manifest_of(folder: Path, without: str | None = None) -> Manifest:
    """Of all in the folder but what matches the pattern `without` directly in it.

    Raises `NotAnArtifact` for a folder with links or special files in it, `OSError`.
    """
    found = []
    for path in _files(folder, without):
        name = path.relative_to(folder).as_posix()
        found.append(ManifestFile(name=name, sha256=sha256_of(path), size=path.stat().st_size))
    return Manifest(files=tuple(sorted(found, key=lambda file: file.name)))


def _files(folder: Path, without: str | None) -> Iterator[Path]:
    for root, folders, names in os.walk(folder):
        if without is not None and Path(root) == folder:
            folders[:] = [name for name in folders if not fnmatch.fnmatch(name, without)]
        for name in (*folders, *names):
            path = Path(root, name)
            mode = path.lstat().st_mode
            if stat.S_ISLNK(mode) and not _is_cached_blob(path):
                raise NotAnArtifact(f"{path} is a link, and no artifact has links: put the file itself there")
            if not (stat.S_ISDIR(mode) or stat.S_ISLNK(mode) or stat.S_ISREG(mode)):
                raise NotAnArtifact(f"{path} is neither file nor folder")
        yield from (Path(root, name) for name in names)


def _is_cached_blob(path: Path) -> bool:
    """Snapshots in the Hub's cache consist of links to `../../blobs/`, which are what they seem to be."""
    blob = path.resolve()
    # of the link itself the folder is resolved, too: caches are moved to larger disks, and linked to
    return blob.parent.name == "blobs" and path.parent.resolve().is_relative_to(blob.parent.parent)


def sha256_of(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
