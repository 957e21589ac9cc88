"""The end of a job's log, where the reason stands. Bounded: the job wrote the file, and may have written much."""

from __future__ import annotations

import os
from pathlib import Path

from services.executor.files.printable import printable
from services.executor.files.untrusted import open_plain

BYTES = 1 << 18
"""A Python traceback takes about 100 bytes a frame, a chained one of a deep training stack some 20,000."""
LINE = 2000
"""Characters of a line."""


def log_end(path: Path) -> list[str]:
    """Its last lines; none where there is no such plain file. Of a line that a progress bar has overwritten only what
    stands there in the end."""
    try:
        descriptor = open_plain(path)
    except OSError:
        return []
    with os.fdopen(descriptor, "rb") as file:
        begin = max(0, file.seek(0, os.SEEK_END) - BYTES)
        file.seek(begin)
        lines = file.read(BYTES).split(b"\n")
    whole = lines[1:] if begin else lines  # the first may be cut
    return [_shown(line) for line in whole]


def _shown(line: bytes) -> str:
    return printable(line.rstrip(b"\r").rsplit(b"\r", 1)[-1].decode(errors="replace").rstrip()[:LINE])
