"""The folder through which a worker and a job on another machine hear of each other, on a file system that both see.

Beside the job's folder, not in it, so that the job's own code cannot reach it. Used by the backends whose jobs are
started cold (`backends/shared_folder.py`) and by the job's supervisor (`main`). Files are made before the start and
then written in place: NFS shows a new content to whoever opens a file, a new name only when its cache of names is old
(https://man7.org/linux/man-pages/man5/nfs.5.html, "Close-to-open cache consistency").
"""

from __future__ import annotations

import glob
import os
import secrets
import shutil
from pathlib import Path
from typing import Annotated, TypeVar

from pydantic import BeforeValidator, ValidationError

from protocol.job import Job
from protocol.message import Part

RECORD = 2048
"""Bytes that a record is filled up to: so it is written by one call, and a shorter one leaves nothing of a longer."""
REASON = 300
"""Characters of a text in a record; one takes up to 6 bytes as JSON."""
Record = TypeVar("Record", bound=Part)


def _cut(text: str | None) -> str | None:
    return text if text is None or len(text) <= REASON else f"{text[: REASON - 1]}…"


class Request(Part):
    """What is to be started."""

    job: Job
    """Without its files: they are in its folder."""
    seconds: float
    """That its training may take, from its start on."""
    cpus: int = 1
    sandboxed: bool = True


class Asked(Part):
    """What the worker wants now."""

    lease: float | None = None
    """Seconds from now on for which the job belongs to this worker, if that is bounded: then it is killed."""
    number: int = 0
    """Of this message: the lease counts from when it was first seen."""
    save: bool = False
    terminate: bool = False
    kill: bool = False


class Ended(Part):
    """How the job has ended; all that it had started is gone."""

    code: int | None = None
    signal: int | None = None
    limit: Annotated[str | None, BeforeValidator(_cut)] = None
    failed: Annotated[str | None, BeforeValidator(_cut)] = None
    """Why it could not be started on that machine, if it could not."""


class Beat(Part):
    """The supervisor is alive."""

    count: int


class Control:
    """One start of a job."""

    def __init__(self, root: Path) -> None:
        self.root = root

    @classmethod
    def beside(cls, job: Job) -> Control:
        """For one more start of a job; not there yet."""
        folder = Path(job.folder)
        return cls(folder.parent / f".{folder.name}.{secrets.token_hex(4)}.control")

    @classmethod
    def left(cls, job: Job) -> list[Control]:
        """Of earlier starts, which nobody has removed."""
        folder = Path(job.folder)
        return [cls(path) for path in folder.parent.glob(f".{glob.escape(folder.name)}.*.control")]

    def create(self, request: Request, asked: Asked) -> None:
        self.root.mkdir(mode=0o700, parents=True)
        bare = request.job.spec.model_copy(update={"files": {}})
        bare_request = request.model_copy(update={"job": request.job.model_copy(update={"spec": bare})})
        (self.root / "request.json").write_text(bare_request.model_dump_json())
        for name in ("ended.json", "beat.json"):
            (self.root / name).touch()
        self.ask(asked)

    def request(self) -> Request:
        return Request.model_validate_json((self.root / "request.json").read_bytes())

    def ask(self, asked: Asked) -> None:
        self._write("asked.json", asked)

    def asked(self) -> Asked | None:
        return self._read("asked.json", Asked)

    def beat(self, count: int) -> None:
        self._write("beat.json", Beat(count=count))

    def beats(self) -> int:
        """0 until the supervisor runs; then it grows as long as it does."""
        beat = self._read("beat.json", Beat)
        return beat.count if beat is not None else 0

    def end(self, ended: Ended) -> None:
        self._write("ended.json", ended)

    def ended(self) -> Ended | None:
        return self._read("ended.json", Ended)

    def remove(self) -> None:
        shutil.rmtree(self.root, ignore_errors=True)

    def _write(self, name: str, record: Part) -> None:
        descriptor = os.open(self.root / name, os.O_WRONLY | os.O_CREAT, 0o600)
        try:
            os.write(descriptor, record.model_dump_json().encode().ljust(RECORD))
        finally:
            os.close(descriptor)

    def _read(self, name: str, kind: type[Record]) -> Record | None:
        """None while nothing is written, or just being written, or the file system stumbles (NFS: ESTALE)."""
        try:
            return kind.model_validate_json((self.root / name).read_bytes())
        except (OSError, ValidationError):
            return None
