"""A job's folder: what stands where in it. Used by the local backend and by the worker."""

from __future__ import annotations

import re
from pathlib import Path

from protocol.job import Job
from services.executor.job.events import FILE_EVENT, Checkpoint, TrainBegan

_CHECKPOINT = re.compile(r"checkpoint-(\d+)")


class BadJobFolder(Exception):
    """A job's folder cannot be prepared as its specification says: no worker could start this job."""


class JobFolder:
    """The folder of one job, kept over redeliveries."""

    def __init__(self, job: Job) -> None:
        self.job = job
        self.root = Path(job.folder)

    @property
    def log(self) -> Path:
        return self.root / "output.log"

    @property
    def events(self) -> Path:
        return self.root / "events.jsonl"

    @property
    def model(self) -> Path:
        return self.root / self.job.spec.output

    def prepare(self) -> None:
        """Write the job's files; what an earlier delivery left stays. Raises `BadJobFolder`."""
        if not self.root.is_absolute():
            raise BadJobFolder(f"folder {self.job.folder!r} is not absolute")
        if not self.job.spec.argv:
            raise BadJobFolder("argv is empty: it must name a script")
        try:
            self.root.mkdir(parents=True, exist_ok=True)
            home = self.root.resolve()
            for name, text in self.job.spec.files.items():
                path = (home / name).resolve()
                if not path.is_relative_to(home) or path == home:
                    raise BadJobFolder(f"file {name!r} lies outside the job's folder")
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(text)
        except OSError as error:
            raise BadJobFolder(f"cannot write {self.job.folder}: {error}") from error

    def checkpoints(self) -> list[Path]:
        """All `checkpoint-N` folders, oldest first."""
        found = [path for path in self.root.rglob("checkpoint-*") if _CHECKPOINT.fullmatch(path.name) and path.is_dir()]
        return sorted(found, key=_step)

    def set_torn_checkpoints_aside(self) -> None:
        """Rename checkpoints that were being written when the last worker died: resuming from one would fail.

        The callback notes a checkpoint when it is whole. A script without a Trainer notes none, so its are left alone.
        """
        trained, whole = False, set()
        for line in self.events.read_text().splitlines() if self.events.exists() else ():
            try:
                event = FILE_EVENT.validate_json(line)
            except ValueError:  # a line torn by the same death, or the script's own: proves no checkpoint
                continue
            trained = trained or isinstance(event, TrainBegan)
            if isinstance(event, Checkpoint):
                whole.add(Path(event.path).resolve())
        if not trained:
            return
        for path in self.checkpoints():
            if path.resolve() not in whole:
                path.rename(_free_name(path))


def _step(path: Path) -> int:
    return int(path.name.rsplit("-", 1)[1])


def _free_name(path: Path) -> Path:
    for number in range(10_000):
        aside = path.with_name(f"torn-{path.name}.{number}")
        if not aside.exists():
            return aside
    raise BadJobFolder(f"{path} was torn ten thousand times")
