"""Reads a file that another process appends to. Used by the local backend for `output.log` and `events.jsonl`."""

from __future__ import annotations

from pathlib import Path

CHUNK = 1 << 20
"""Bytes read at a time. A job that prints faster than it is read is read from further on."""
LINE = 2000
"""Characters of a line that are passed on; the file keeps all."""


class Tail:
    """New lines of a file, from where it ended when this was made."""

    def __init__(self, path: Path, skip: bool = False) -> None:
        """With `skip` what does not fit into a chunk is left out; without, it is read at the next call."""
        self.path, self.skip = path, skip
        self._at = path.stat().st_size if path.exists() else 0
        self._rest = b""

    def lines(self, last: bool = False) -> list[str]:
        """Whole lines since the last call; with `last` the unfinished one too. Of a line that a progress bar has
        overwritten only what stands there in the end."""
        data = self._read()
        *whole, self._rest = (self._rest + data).split(b"\n")
        self._rest = _overwritten(self._rest)
        if last and self._rest:
            whole.append(self._rest)
            self._rest = b""
        shown = (_overwritten(line).decode(errors="replace").rstrip()[:LINE] for line in whole)
        return [line for line in shown if line]

    def _read(self) -> bytes:
        try:
            with self.path.open("rb") as file:
                behind = file.seek(0, 2) - self._at
                if self.skip and behind > CHUNK:
                    self._at += behind - CHUNK
                file.seek(self._at)
                data = file.read(CHUNK)
        except FileNotFoundError:
            return b""
        self._at += len(data)
        return data


def _overwritten(line: bytes) -> bytes:
    """What a terminal would show of a line with carriage returns."""
    return line.rstrip(b"\r").rsplit(b"\r", 1)[-1]
