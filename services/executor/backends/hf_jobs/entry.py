"""What runs in the container of a job: makes it find its files, starts it, tells of it, and brings back the rest.

    python postdocs.pyz

The job's folder, and what it reads, have the same absolute paths here as where the task was written, so that its
config holds. It works on the container's own disk; a mounted bucket is only written to, file by file from the beginning
to the end, which every kind of mount can do (https://github.com/huggingface/hf-mount).
"""

from __future__ import annotations

import contextlib
import ctypes
import io
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import FrameType

from pydantic import ValidationError

from services.executor.backends.hf_jobs import manifest, marks, request
from services.executor.backends.hf_jobs.control import Control
from services.executor.backends.hf_jobs.keeper import Keeper
from services.executor.backends.hf_jobs.request import Request
from services.executor.files.folder import EVENT_LINE, JobFolder
from services.executor.files.tail import Tail
from services.executor.inventory.memory import memory_used
from services.executor.job.events import FILE_EVENT, Checkpoint, FileEvent, Garbled
from services.executor.job.launch import START
from services.executor.warm.messages import Start

POLL = 0.05
MEMORY_POLL = 1.0
_PR_SET_DUMPABLE = 4


def main() -> int:
    """Run the job; its exit code, so that the stage of the job on the Hub is right as well."""
    assert isinstance(sys.stdout, io.TextIOWrapper)
    sys.stdout.reconfigure(encoding="utf-8", errors="backslashreplace")
    word = _word(Path(request.JOB) / marks.FILE)
    asked = Request.model_validate_json((Path(request.JOB) / request.NAME).read_bytes())
    folder = JobFolder(asked.job)
    folder.root.mkdir(parents=True, exist_ok=True)
    for reading in sorted(asked.readings, key=lambda reading: reading.path):  # what holds another comes before it
        _link(Path(reading.path), Path(reading.mounted))
    for name in asked.restore:
        (folder.root / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(Path(request.JOB) / manifest.OUT / name, folder.root / name)
    folder.prepare()
    return Runner(word, asked, folder).run()


def _word(file: Path) -> str:
    """What only the runner knows from now on: the file is gone, and nobody may look into the process's memory
    (`PR_SET_DUMPABLE`, prctl(2))."""
    word = file.read_text()
    file.unlink()
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)
    return word


def _link(path: Path, mounted: Path) -> None:
    """A file is mounted by the folder that holds it. What lies in something else that is read is there already."""
    if path.exists():
        return
    inside = mounted / path.name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.symlink_to(inside if inside.is_file() else mounted)


class Runner:
    """One job's process, and what is told of it."""

    def __init__(self, word: str, asked: Request, folder: JobFolder) -> None:
        self.word, self.asked, self.folder = word, asked, folder
        self._output, self._events = Tail(folder.log, skip=True), Tail(folder.events, longest=EVENT_LINE)
        self._keeper = Keeper(folder, Path(request.JOB))
        self._limit: str | None = None

    def run(self) -> int:
        child = self._start()
        signal.signal(signal.SIGTERM, lambda number, frame: _signal_group(child, number, frame))
        control = Control(self.asked.control, child.pid)
        control.start()
        memory_at = time.monotonic() + MEMORY_POLL
        while (code := child.poll()) is None:
            self._tell()
            if time.monotonic() >= memory_at:
                self._check_memory(child)
                memory_at = time.monotonic() + MEMORY_POLL
            time.sleep(POLL)
        control.stop()
        _signal_group(child, signal.SIGKILL)  # what it has left running, and might go on writing
        self._tell(last=True)
        killed = -code if code < 0 else None
        generation = self._keeper.keep()
        ended = marks.Ended(code=None if killed else code, signal=killed, limit=self._limit, generation=generation)
        self._say(ended)
        return 128 + killed if killed else code

    def _start(self) -> subprocess.Popen[bytes]:
        """SIGUSR1 is held back in the child until it can be heard."""
        start = Start(
            key=self.asked.job.id,
            folder=str(self.folder.root),
            argv=self.asked.job.spec.argv,
            threads=os.cpu_count() or 1,
            stop_at=time.monotonic() + self.asked.seconds,
            launch=self.asked.job.spec.launch,
            gpus=self.asked.job.spec.needs.gpus,
        )
        mask = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGUSR1})
        try:
            with self.folder.log.open("ab") as log:
                return subprocess.Popen(
                    [sys.executable, "-m", "services.executor.job.cold"],
                    cwd=self.folder.root,
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    start_new_session=True,
                    env=_environment(start),
                )
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, mask)

    def _tell(self, last: bool = False) -> None:
        for line in self._output.lines(last):
            print(line)
        for line in self._events.lines(last):
            event = _parse(line)
            if isinstance(event, Checkpoint):  # it counts once it is in the bucket, before all that comes later
                self._keeper.keep()
            self._say(event)
        sys.stdout.flush()

    def _say(self, said: marks.Marked) -> None:
        print(marks.write(self.word, said), flush=True)

    def _check_memory(self, child: subprocess.Popen[bytes]) -> None:
        allowed = self.asked.job.spec.needs.memory_gb
        if allowed is not None and self._limit is None and (used := memory_used(child.pid, allowed)) > allowed:
            self._limit = f"memory limit {allowed:g} GB exceeded: {used:.2f} GB"
            _signal_group(child, signal.SIGKILL)


def _environment(start: Start) -> dict[str, str]:
    """Our code is found where this process has found it; of the machine's GPUs the job sees what it asked for."""
    gpus = ",".join(str(number) for number in range(start.gpus))
    ours = {"PYTHONPATH": sys.path[0], "PYTHONSAFEPATH": "1", "PYTHONUNBUFFERED": "1", "CUDA_VISIBLE_DEVICES": gpus}
    return {**os.environ, **ours, START: start.model_dump_json()}


def _parse(line: str) -> FileEvent | Garbled:
    try:
        return FILE_EVENT.validate_json(line)
    except ValidationError as error:
        return Garbled(line=line, reason=error.errors()[0]["msg"])


def _signal_group(child: subprocess.Popen[bytes], number: int, frame: FrameType | None = None) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(child.pid, number)
