"""What a job's process says to its worker, in `events.jsonl`, and the one thing that it hears: to stop and save."""

from __future__ import annotations

import signal
from pathlib import Path
from types import FrameType

from services.executor.job.events import FileEvent


class Channel:
    """Open from before the script's first line. Imports nothing heavy: a script without torch starts at once."""

    def __init__(self, events: Path) -> None:
        self._file = events.open("a", buffering=1)  # a line at a time: the worker reads along
        self.asked_to_stop = False

    def write(self, event: FileEvent) -> None:
        self._file.write(event.model_dump_json() + "\n")

    def listen(self) -> None:
        """Hear SIGUSR1, which asks a training to stop and to save; a script without one goes on."""
        signal.signal(signal.SIGUSR1, self._ask_to_stop)

    def _ask_to_stop(self, number: int, frame: FrameType | None) -> None:
        self.asked_to_stop = True
