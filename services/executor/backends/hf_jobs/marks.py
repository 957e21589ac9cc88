"""How events travel among the lines that a job prints: each on a line of its own behind a mark.

Hugging Face Jobs give back one stream of text. The mark holds a word that is drawn anew for each job, so that no script
says by accident what only its runner may. Written by `entry` in the container, read by `handle`.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, TypeAdapter, ValidationError

from protocol.message import Part
from services.executor.job.events import Event, FileEvent, Garbled, Printed

FILE = "word"
"""Beside the request: tells the word to the runner, which removes it before the script runs. In the environment the
script would find it, that of its parents (/proc/PID/environ)."""


class Ended(Part):
    """The job's process has ended, and all that is to be kept of it is in the bucket."""

    kind: Literal["ended"] = "ended"
    code: int | None = None
    signal: int | None = None
    limit: str | None = None
    generation: int
    """Of the manifest."""


Marked = Annotated[FileEvent | Ended | Garbled, Field(discriminator="kind")]
_MARKED: TypeAdapter[Marked] = TypeAdapter(Marked)


def write(word: str, said: Marked) -> str:
    return f"@{word} {said.model_dump_json()}"


def read(word: str, line: str) -> Event | Ended:
    """What a line of the log says: an event, the end, or something printed."""
    mark = f"@{word} "
    if not line.startswith(mark):
        return Printed(lines=(line,))
    try:
        return _MARKED.validate_json(line.removeprefix(mark))
    except ValidationError as error:
        return Garbled(line=line, reason=error.errors()[0]["msg"])


def is_end(word: str, line: str) -> bool:
    """Whether nothing comes after this line."""
    return line.startswith(f"@{word} ") and isinstance(read(word, line), Ended)
