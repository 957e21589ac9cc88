"""The store: puts files and folders by their content, and gets them back, checked, into this machine's cache."""

from __future__ import annotations

import hashlib
import os
import secrets
import shutil
from pathlib import Path

from pydantic import ValidationError

from protocol.artifact import Ref
from protocol.message import Part
from services.artifacts.driver import Driver
from services.artifacts.errors import ArtifactBroken, ArtifactMissing, NotAnArtifact
from services.artifacts.manifest import Manifest, manifest_of, sha256_of

CACHE = Path("/var/cache/postdocs/artifacts" if os.geteuid() == 0 else "~/.cache/postdocs/artifacts")
"""Root's jobs do not run as root, and cannot look into its home."""
VARIABLE = "POSTDOCS_ARTIFACTS_CACHE"
"""Folder of the cache, where another is wanted."""
_READ_ONLY, _WRITABLE, _FOLDER = 0o444, 0o644, 0o755


class Pointer(Part):
    """What stands in the store under a name that may come to lead elsewhere."""

    title: str
    ref: Ref


class Store:
    """Blocking; to be called in a thread. Raises what `errors` holds, and `OSError` from this machine's own disk."""

    def __init__(self, url: str, cache: Path | None = None) -> None:
        self.url = url
        self.cache = (cache or Path(os.environ.get(VARIABLE) or CACHE)).expanduser().resolve()
        self._driver = Driver(url)

    # -- putting -----------------------------------------------------------------------------------------------

    def put(self, path: Path, without: str | None = None) -> Ref:
        """Put a file or a folder there, the latter without what matches a pattern (`checkpoint-*`) directly in it; what
        is there already is not sent again. Raises `NotAnArtifact`."""
        if path.is_dir():
            return self._put_folder(path, without)
        if not path.is_file():
            raise NotAnArtifact(f"there is no file or folder {path} to put into the artifact store")
        ref = Ref(kind="file", sha256=sha256_of(path), size=path.stat().st_size)
        self._put_file(path, ref.sha256, ref.size)
        return ref

    def _put_folder(self, folder: Path, without: str | None) -> Ref:
        manifest = manifest_of(folder, without)
        for file in manifest.files:
            self._put_file(folder / file.name, file.sha256, file.size)
        data = manifest.encoded()
        digest = hashlib.sha256(data).hexdigest()
        if self._driver.size(_key(digest)) != len(data):
            self._driver.write(data, _key(digest))  # last: a manifest promises that all its files are there
        return Ref(kind="folder", sha256=digest, size=manifest.size)

    def _put_file(self, path: Path, digest: str, size: int) -> None:
        if self._driver.size(_key(digest)) != size:
            self._driver.put(path, _key(digest))

    # -- getting -----------------------------------------------------------------------------------------------

    def get(self, ref: Ref) -> Path:
        """The artifact in the cache: whole, checked, read-only. Raises `ArtifactMissing`, `ArtifactBroken`."""
        place = self.cache / ref.kind / ref.sha256
        if place.exists():
            return place
        draft = self.cache / "partial" / secrets.token_hex(8)
        draft.parent.mkdir(parents=True, exist_ok=True)
        try:
            self._fetch(ref, draft, _READ_ONLY)
            place.parent.mkdir(parents=True, exist_ok=True)
            _settle(draft, place)
        finally:
            _remove(draft)
        return place

    def copy(self, ref: Ref, place: Path) -> None:
        """A writable copy at `place`, whole or not at all, past the cache; what stands there is replaced."""
        place.parent.mkdir(parents=True, exist_ok=True)
        draft = place.with_name(f".{place.name}.{secrets.token_hex(4)}")
        try:
            self._fetch(ref, draft, _WRITABLE)
            _remove(place)
            draft.replace(place)
        finally:
            _remove(draft)

    def _fetch(self, ref: Ref, draft: Path, mode: int) -> None:
        """From the store, checked; its files with this mode."""
        if ref.kind == "file":
            self._get_file(ref.sha256, draft, mode)
        else:
            self._get_folder(ref.sha256, draft, mode)

    def _get_folder(self, digest: str, draft: Path, mode: int) -> None:
        try:
            data = self._driver.read(_key(digest))
        except FileNotFoundError as error:
            raise ArtifactMissing(self.url, digest) from error
        got = hashlib.sha256(data).hexdigest()
        if got != digest:
            raise ArtifactBroken(self.url, digest, got)
        try:
            manifest = Manifest.model_validate_json(data)
        except ValidationError as error:
            raise ArtifactBroken(self.url, digest, "no manifest") from error
        draft.mkdir()
        for file in manifest.files:
            path = draft / file.name
            path.parent.mkdir(parents=True, exist_ok=True)
            self._get_file(file.sha256, path, mode)
        for path in (draft, *draft.rglob("*")):
            if path.is_dir():
                path.chmod(_FOLDER)  # whatever the umask: jobs may run as somebody else

    def _get_file(self, digest: str, path: Path, mode: int) -> None:
        try:
            self._driver.get(_key(digest), path)
        except FileNotFoundError as error:
            raise ArtifactMissing(self.url, digest) from error
        got = sha256_of(path)
        if got != digest:
            raise ArtifactBroken(self.url, digest, got)
        path.chmod(mode)

    # -- pointers ----------------------------------------------------------------------------------------------

    def point(self, name: str, title: str, ref: Ref) -> None:
        """Let `name` lead to an artifact, under a title, from now on: a job's newest checkpoint."""
        self._driver.write(Pointer(title=title, ref=ref).model_dump_json().encode(), _pointer(name))

    def pointed(self, name: str) -> tuple[str, Ref] | None:
        """Title and artifact that `name` leads to, or None."""
        try:
            found = Pointer.model_validate_json(self._driver.read(_pointer(name)))
        except FileNotFoundError:
            return None
        return found.title, found.ref


def _key(digest: str) -> str:
    return f"sha256/{digest[:2]}/{digest}"


def _pointer(name: str) -> str:
    """A name may hold anything; its hash makes a key."""
    return f"pointers/{hashlib.sha256(name.encode()).hexdigest()}.json"


def _settle(draft: Path, place: Path) -> None:
    try:
        draft.rename(place)
    except OSError:  # another process was first, with the same content
        if not place.exists():
            raise


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)
