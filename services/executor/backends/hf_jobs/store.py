"""The way of files to a job in Hugging Face Jobs, and back: a private bucket, parts of which the job finds mounted.

    code/<hash>.pyz            our own code that runs in the container, one file a version
    reads/<fingerprint>/…      models and data, sent once however many jobs read them
    jobs/<job>/request.json    what to run
               manifest.json   what the job has brought back, and …
               out/…           … the files themselves

Files are sent and fetched in chunks that are stored once (Xet), so that sending a model again costs little. All
methods block: they are called in threads, by `faults.ask`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory

from huggingface_hub import HfApi
from huggingface_hub.errors import EntryNotFoundError
from pydantic import ValidationError

from services.executor.backends.backend import BackendFailed
from services.executor.backends.hf_jobs import code
from services.executor.backends.hf_jobs.manifest import NAME, OUT, Kept, Manifest, sha256

BUCKET = "postdocs-jobs"
LARGEST_MANIFEST = 1 << 24
"""Bytes; it is written where the job could write, too."""


class Store:
    """One bucket."""

    def __init__(self, api: HfApi, namespace: str) -> None:
        self.api, self.bucket = api, f"{namespace}/{BUCKET}"

    def open(self) -> None:
        """Make the bucket, where there is none. Raises `BackendFailed` when there is one that everybody can read."""
        self.api.create_bucket(self.bucket, private=True, exist_ok=True)
        if not self.api.bucket_info(self.bucket).private:
            raise BackendFailed(
                f"Hugging Face Jobs: the bucket {self.bucket} is public, and data would be sent to it: make it private "
                f"at {self.api.endpoint}/buckets/{self.bucket}"
            )

    def put_code(self) -> str:
        """Send our code, unless it is there; its path in the bucket."""
        archive = code.archive()
        path = f"code/{hashlib.sha256(archive).hexdigest()[:16]}.pyz"
        if not list(self.api.get_bucket_paths_info(self.bucket, [path])):
            self.put({path: archive})
        return path

    def put(self, files: Mapping[str, bytes]) -> None:
        self.api.batch_bucket_files(self.bucket, add=[(data, path) for path, data in files.items()])

    def put_read(self, source: Path) -> str:
        """Send a file or folder that a job reads, unless it is there; the folder in the bucket that holds it."""
        files = _files_of(source)
        folder = f"reads/{fingerprint(source, files)}"
        there = {entry.path: entry.size for entry in self.api.get_bucket_paths_info(self.bucket, _under(folder, files))}
        missing: list[tuple[str | Path | bytes, str]] = [
            (path, f"{folder}/{name}")
            for name, path in files.items()
            if there.get(f"{folder}/{name}") != path.stat().st_size
        ]
        if missing:
            self.api.batch_bucket_files(self.bucket, add=missing)
        return folder

    def manifest(self, job: str) -> Manifest:
        """What a job has brought back; an empty one when that is nothing, or nothing that can be read."""
        path = f"{job}/{NAME}"
        there = list(self.api.get_bucket_paths_info(self.bucket, [path]))
        if not there or there[0].size > LARGEST_MANIFEST:
            return Manifest()
        with TemporaryDirectory() as folder:
            target = Path(folder) / NAME
            self.api.download_bucket_files(self.bucket, [(there[0], target)])
            try:
                return Manifest.model_validate_json(target.read_bytes())
            except (ValidationError, OSError):
                return Manifest()

    def fetch(self, job: str, files: Mapping[str, Kept], folder: Path) -> None:
        """Bring files into `folder`. Raises `BackendFailed` when one is not what the manifest says."""
        if not files:
            return
        wanted: list[tuple[str, str | Path]] = [(f"{job}/{OUT}/{path}", folder / path) for path in files]
        try:
            self.api.download_bucket_files(self.bucket, list(wanted), raise_on_missing_files=True)
        except EntryNotFoundError as error:
            raise BackendFailed(f"Hugging Face Jobs: what the job has saved is not in the bucket: {error}") from error
        for path, kept in files.items():
            if sha256(folder / path) != kept.sha256:
                raise BackendFailed(f"Hugging Face Jobs: {path} came back damaged from {self.bucket}")

    def keep(self, job: str, folder: Path, names: list[str], manifest: Manifest) -> Manifest:
        """Send files of the job's folder as if the job itself had saved them; the manifest with them in it."""
        files = {name: Kept(size=(folder / name).stat().st_size, sha256=sha256(folder / name)) for name in names}
        grown = Manifest(generation=manifest.generation + 1, files=manifest.files | files)
        self.api.batch_bucket_files(self.bucket, add=[(folder / name, f"{job}/{OUT}/{name}") for name in names])
        self.put({f"{job}/{NAME}": grown.model_dump_json().encode()})
        return grown


def fingerprint(source: Path, files: Mapping[str, Path]) -> str:
    """Stands for the content of a file or folder: place, names, sizes and times of change. Hashing the weights
    themselves for every job would cost more than it could save."""
    lines = [str(source.resolve())]
    for name, path in sorted(files.items()):
        about = path.stat()
        lines.append(f"{name} {about.st_size} {about.st_mtime_ns}")
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()[:24]


def _files_of(source: Path) -> dict[str, Path]:
    """Name in the store → file; links are followed, since a model in the Hub's cache is made of them."""
    if source.is_file():
        return {source.name: source}
    return {str(path.relative_to(source)): path for path in sorted(source.rglob("*")) if path.is_file()}


def _under(folder: str, files: Mapping[str, Path]) -> list[str]:
    return [f"{folder}/{name}" for name in files]
