"""A job's folder: what stands where in it. Used by the backends and by the worker.

An earlier delivery of the job may have left anything in it, links to files of ours too: nothing here follows one.
"""

from __future__ import annotations

import os
import re
import secrets
import stat
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from protocol.job import Job
from services.executor.files.untrusted import open_plain, what_else
from services.executor.job.events import FILE_EVENT, Checkpoint, TrainBegan

EVENT_LINE = 1 << 17
"""Characters of a line of `events.jsonl`: so long is a log of `MOST_FIGURES`, and GRPO's has a fiftieth of it."""
_CHECKPOINT = re.compile(r"checkpoint-(\d{1,12})")
_DEPTH = 4
"""Folders between a job's and a checkpoint in it; a script has one, its `output_dir`."""
_ENTRIES = 100_000
"""Looked at in the search for checkpoints: a job may leave millions to keep us busy."""
_READ_BACK = 1 << 26
"""Bytes of `events.jsonl`, from its end, that are searched for checkpoints."""


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
        """Write the job's files; what an earlier delivery left stays, if it is in nobody's way.

        Raises `BadJobFolder`.
        """
        if not self.root.is_absolute():
            raise BadJobFolder(f"folder {self.job.folder!r} is not absolute")
        if not self.job.spec.argv:
            raise BadJobFolder("argv is empty: it must name a script")
        if len(self._parts("output", self.job.spec.output)) > 1:  # a link half-way would lead the scorer elsewhere
            raise BadJobFolder(f"output {self.job.spec.output!r} must be one folder directly inside the job's")
        named = {name: self._parts("file", name) for name in self.job.spec.files}
        try:
            self.root.mkdir(parents=True, exist_ok=True)
            for path in (self.log, self.events):
                _plain_or_absent(path)
            for name, text in self.job.spec.files.items():
                _write(self.root, named[name], text)
        except (OSError, UnicodeError) as error:
            raise BadJobFolder(f"cannot write {self.job.folder}: {error}") from error

    def inside(self, path: Path) -> PurePosixPath:
        """Where in the folder a path leads that its job has named; links are not followed. Raises `ValueError` for one
        that leads elsewhere."""
        named = Path(os.path.normpath(path))
        for home in (self.root.resolve(), Path(os.path.normpath(self.root))):
            if named.is_relative_to(home) and named != home:
                return PurePosixPath(named.relative_to(home))
        raise ValueError(f"{path} lies outside the job's folder")

    def checkpoints(self) -> list[Path]:
        """All `checkpoint-N` folders, oldest first."""
        return sorted(_checkpoints(self.root), key=_step)

    def set_torn_checkpoints_aside(self) -> None:
        """Rename checkpoints that were being written when the last worker died: resuming from one would fail.

        The callback notes a checkpoint when it is whole. A script without a Trainer notes none, so its are left alone.
        """
        trained, whole = False, set()
        for line in self._events_so_far():
            try:
                event = FILE_EVENT.validate_json(line)
            except ValueError:  # a line torn by the same death, or the script's own: proves no checkpoint
                continue
            trained = trained or isinstance(event, TrainBegan)
            if isinstance(event, Checkpoint):
                whole.add(os.path.normpath(event.path))  # by name: what it leads to may have been exchanged
        if not trained:
            return
        home = self.root.resolve()  # as the callback names it
        for path in self.checkpoints():
            if str(home / path.relative_to(self.root)) not in whole:
                path.rename(_free_name(path))

    def place_of_newer(self, name: str) -> Path | None:
        """Where a checkpoint of this name that comes from elsewhere belongs, `model/checkpoint-50`, its folder made;
        None for what is no checkpoint in the job's folder, or none that is newer than those beside it.

        Another training of the script has another folder, and its steps say nothing of these.
        """
        try:
            parts = self._parts("checkpoint", name)
        except BadJobFolder:
            return None
        place = self.root.joinpath(*parts)
        beside = [path for path in self.checkpoints() if path.parent == place.parent]
        if not _CHECKPOINT.fullmatch(place.name) or any(_step(path) >= _step(place) for path in beside):
            return None
        self.root.mkdir(parents=True, exist_ok=True)
        return _real_folder(self.root, parts[:-1]) / place.name

    def note_whole(self, checkpoint: Path) -> None:
        """Note a checkpoint that was brought here as whole, as the callback does for those that are written here."""
        _plain_or_absent(self.events)
        path = self.root.resolve() / checkpoint.relative_to(self.root)
        line = Checkpoint(step=_step(checkpoint), path=str(path)).model_dump_json()
        with self.events.open("a", encoding="utf-8") as file:
            file.write(f"\n{line}\n")  # the last line may have been torn by a death

    def _parts(self, what: str, name: str) -> tuple[str, ...]:
        """The parts of a path inside the folder. Raises `BadJobFolder` when it leads elsewhere."""
        path = Path(os.path.normpath(self.root / name))
        if "\0" in name or path == self.root or not path.is_relative_to(os.path.normpath(self.root)):
            raise BadJobFolder(f"{what} {name!r} lies outside the job's folder")
        return path.relative_to(os.path.normpath(self.root)).parts

    def _events_so_far(self) -> Iterator[bytes]:
        try:
            descriptor = open_plain(self.events)
        except OSError:
            return
        with os.fdopen(descriptor, "rb") as file:
            file.seek(max(0, file.seek(0, os.SEEK_END) - _READ_BACK))
            while line := file.readline(EVENT_LINE):
                yield line


def _plain_or_absent(path: Path) -> None:
    """Out of the way with what the job's output would else be written through, or read from."""
    if os.path.lexists(path) and what_else(path.lstat()) is not None:
        path.rename(path.with_name(f".{path.name}.{secrets.token_hex(8)}"))


def _write(root: Path, parts: tuple[str, ...], text: str) -> None:
    """Through real folders only, and under a new name first: the rename replaces a link, and follows none."""
    folder = _real_folder(root, parts[:-1])
    path, part_written = folder / parts[-1], folder / f".{secrets.token_hex(8)}"
    descriptor = os.open(part_written, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o644)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
        part_written.replace(path)
    except BaseException:
        part_written.unlink(missing_ok=True)
        raise


def _real_folder(root: Path, parts: tuple[str, ...]) -> Path:
    """A folder below `root`, made where it is not there; a link or a file in its way is removed."""
    folder = root
    for part in parts:
        folder = folder / part
        if os.path.lexists(folder) and not stat.S_ISDIR(folder.lstat().st_mode):
            folder.unlink()
        folder.mkdir(exist_ok=True)
    return folder


def _checkpoints(root: Path) -> Iterator[Path]:
    """Real folders of that name, not too deep; what lies inside one is not looked at."""
    looked_at, unseen = 0, [(root, 0)]
    while unseen:
        folder, depth = unseen.pop()
        try:
            entries = os.scandir(folder)
        except OSError:
            continue
        with entries:
            for entry in entries:
                looked_at += 1
                if looked_at > _ENTRIES:
                    return
                if not entry.is_dir(follow_symlinks=False):
                    continue
                if _CHECKPOINT.fullmatch(entry.name):
                    yield Path(entry.path)
                elif depth < _DEPTH:
                    unseen.append((Path(entry.path), depth + 1))


def _step(path: Path) -> int:
    return int(path.name.rsplit("-", 1)[1])


def _free_name(path: Path) -> Path:
    for number in range(10_000):
        aside = path.with_name(f"torn-{path.name}.{number}")
        if not os.path.lexists(aside):
            return aside
    raise BadJobFolder(f"{path} was torn ten thousand times")
