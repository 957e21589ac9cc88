"""Weights & Biases: online where a key is there, else offline, for `wandb sync` to send later.

An offline run is a file that cannot be gone on with: a tracker that is started again writes a second file under the
same id, which `wandb sync` puts behind the first. So that no step stands in both, the tracker notes how far
in the journal it is *before* it hands a record over; a tracker that is killed may lose the one in its hands, and what
wandb's own process had taken but not yet written: up to half a minute of figures (the journal and Trackio have them).
"""

from __future__ import annotations

import netrc
import os
import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from services.tracking.record import Alerted, Point, Record, Summed, Tracked

NOTE, DIGITS = "wandb.journal", 20
"""A file of so many digits: the sequence number up to which all is handed over. Written in place, in one go."""
SERVICE = "https://api.wandb.ai"
ALERT_CHARACTERS = 64
"""Longest title that its service takes."""


class WandbRuns:
    """A project's runs, each open from its first figure until nothing more is to be said of it."""

    name = "wandb"

    def __init__(self, project: str, folder: Path) -> None:
        """`folder` is where the files go, and the note. Raises `ImportError` without the package."""
        import wandb

        folder.mkdir(parents=True, exist_ok=True)
        self._wandb, self._project, self._folder = wandb, project, folder
        self._online = os.environ.get("WANDB_MODE", "online") == "online" and _has_key()
        self._open: dict[str, Any] = {}
        self._step: dict[str, int] = {}
        self._note = os.open(folder / NOTE, os.O_RDWR | os.O_CREAT, 0o644)
        self._done = int(os.pread(self._note, DIGITS, 0) or 0)

    def where(self) -> str:
        if not self._online:
            return f"{self._folder}; send it with: wandb sync {shlex.quote(str(self._folder))}/wandb/offline-run-*"
        return f"project {self._project}"

    def write(self, records: Sequence[tuple[int, Record]]) -> None:
        for sequence, record in [(sequence, record) for sequence, record in records if sequence > self._done]:
            run = self._opened(record.run)
            if sequence > self._done:  # not the second record of the same message
                self._done = sequence
                os.pwrite(self._note, f"{sequence:0{DIGITS}}".encode(), 0)
            self._take(run, record)

    def _take(self, run: Any, record: Record) -> None:
        if isinstance(record, Point):
            if record.step >= self._step.get(record.run.id, 0):  # its steps only ever grow
                self._step[record.run.id] = record.step
                run.log(record.values, step=record.step)
        elif isinstance(record, Alerted):
            run.alert(title=record.title[:ALERT_CHARACTERS], text=record.text, level="ERROR")
        else:
            self._sum_up(run, record)

    def _sum_up(self, run: Any, record: Summed) -> None:
        run.summary.update(record.run.summary)
        if record.ended:
            run.finish(exit_code=int(record.failed))
            del self._open[record.run.id]

    def _opened(self, tracked: Tracked) -> Any:
        if tracked.id not in self._open:
            self._open[tracked.id] = self._wandb.init(
                project=self._project,
                id=tracked.id,
                name=tracked.name,
                group=tracked.group,
                config=tracked.config,
                dir=str(self._folder),
                mode="online" if self._online else "offline",
                resume="allow" if self._online else None,
                reinit="create_new",
                settings=self._wandb.Settings(
                    silent=True,
                    console="off",
                    x_disable_stats=True,  # the jobs run elsewhere
                    x_disable_machine_info=True,
                    disable_git=True,  # ours is in the config
                    disable_code=True,
                ),
            )
        return self._open[tracked.id]

    def close(self) -> None:
        for run in self._open.values():
            run.finish()
        self._open.clear()
        os.close(self._note)


def _has_key() -> bool:
    """Whether somebody has logged in here, by variable or (`wandb login`) by netrc."""
    if os.environ.get("WANDB_API_KEY"):
        return True
    host = urlsplit(os.environ.get("WANDB_BASE_URL") or SERVICE).hostname or ""
    try:
        return netrc.netrc(os.environ.get("NETRC")).authenticators(host) is not None
    except (OSError, netrc.NetrcParseError):
        return False
