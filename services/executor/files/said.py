"""What a job says, read from its folder: lines of `events.jsonl`, and those that it printed. Used by the backends."""

from __future__ import annotations

from pydantic import ValidationError

from services.executor.files.folder import EVENT_LINE, JobFolder
from services.executor.files.tail import Tail
from services.executor.job.events import FILE_EVENT, Event, Garbled, Printed


class Said:
    """From where the files end when this is made."""

    def __init__(self, folder: JobFolder) -> None:
        self._output = Tail(folder.log, skip=True)
        self._events = Tail(folder.events, longest=EVENT_LINE)

    def new(self, last: bool = False) -> list[Event]:
        """Since the call before; with `last` the unfinished lines too."""
        said: list[Event] = [_parse(line) for line in self._events.lines(last)]
        printed = self._output.lines(last)
        return [*said, Printed(lines=tuple(printed))] if printed else said


def _parse(line: str) -> Event:
    try:
        return FILE_EVENT.validate_json(line)
    except ValidationError as error:
        return Garbled(line=line, reason=error.errors()[0]["msg"])
