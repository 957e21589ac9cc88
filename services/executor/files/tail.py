"""Reads a file that a job appends to. Used by the local backend for `output.log` and `events.jsonl`.

The job may do to its file whatever it likes. Memory and time of the reader stay bounded: so many bytes a look, so many
of a line, so many behind.
"""

from __future__ import annotations

import os
from pathlib import Path

from services.executor.files.untrusted import open_plain

CHUNK = 1 << 20
"""Bytes read at a time. A job that prints faster than it is read is read from further on."""
BACKLOG = 16 * CHUNK
"""Bytes that a file which is read whole may be ahead. A trainer writes 0.1 MB/s and is read at 20: whoever is so far
ahead writes to keep us busy, and is read from further on too."""
LINE = 2000
"""Characters of a line that are passed on; the file keeps all."""


class Tail:
    """New lines of a file, from where it ended when this was made."""

    def __init__(self, path: Path, skip: bool = False, longest: int = LINE) -> None:
        """With `skip` what does not fit into a chunk is left out; without, it is read at the next call. A line is cut
        after `longest` characters."""
        self.path, self.longest = path, longest
        self._ahead = CHUNK if skip else BACKLOG
        self._at = _size(path)
        self._rest = b""
        self._dropping = False
        """Until the next line begins: the rest of a line that was cut, or the part of one that we came into."""

    def lines(self, last: bool = False) -> list[str]:
        """Whole lines since the last call; with `last` the unfinished one too. Of a line that a progress bar has
        overwritten only what stands there in the end. What is no plain file has no lines."""
        *whole, rest = self._read().split(b"\n")
        if whole and self._dropping:
            self._dropping = False
            whole[0] = b""
        elif whole:
            whole[0] = self._rest + whole[0]
            self._rest = b""
        if not self._dropping:
            self._rest = _overwritten(self._rest + rest)
        if not self._dropping and len(self._rest) > 4 * self.longest:  # UTF-8 has at most 4 bytes a character
            self._dropping = True
            whole.append(self._rest)
            self._rest = b""
        if last and self._rest:
            whole.append(self._rest)
            self._rest = b""
        shown = (_overwritten(line).decode(errors="replace").rstrip()[: self.longest] for line in whole)
        return [line for line in shown if line]

    def _read(self) -> bytes:
        try:
            descriptor = open_plain(self.path)
        except OSError:  # not there yet, or something that we do not read
            return b""
        with os.fdopen(descriptor, "rb", buffering=0) as file:
            behind = file.seek(0, os.SEEK_END) - self._at
            if behind > self._ahead:
                self._at += behind - CHUNK
                self._rest, self._dropping = b"", True
            file.seek(self._at)
            data = file.read(CHUNK)
        self._at += len(data)
        return data


def _size(path: Path) -> int:
    try:
        return path.lstat().st_size
    except OSError:
        return 0


def _overwritten(line: bytes) -> bytes:
    """What a terminal would show of a line with carriage returns."""
    return line.rstrip(b"\r").rsplit(b"\r", 1)[-1]
