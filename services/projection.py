"""The files of a run that are projected from its journal while it runs: `ledger.jsonl`, and in the end `ended.json`."""

from __future__ import annotations

import json
import time
from pathlib import Path

from protocol.control import RunEnded
from protocol.envelope import Envelope
from protocol.ledger import Ledger
from services.run_folder import RunFolder

EVERY_SECONDS = 1.0
"""How often the ledger's file is brought up to date; it is a copy for readers, not the authority."""


class Projection:
    """Feed it with every envelope; `finish` writes the last state."""

    def __init__(self, folder: RunFolder) -> None:
        self.folder = folder
        self._written = 0.0

    def on_envelope(self, sequence: int, envelope: Envelope, ledger: Ledger) -> None:
        if time.monotonic() - self._written >= EVERY_SECONDS:
            self.write(ledger)

    def write(self, ledger: Ledger) -> None:
        lines = "".join(json.dumps(row, sort_keys=True) + "\n" for row in ledger.rows())
        _replace(self.folder.ledger, lines)
        self._written = time.monotonic()

    def finish(self, ledger: Ledger) -> None:
        self.write(ledger)
        if isinstance(ledger.ended, RunEnded):
            _replace(self.folder.root / "ended.json", ledger.ended.model_dump_json(indent=2))


def _replace(path: Path, text: str) -> None:
    """Write so that a reader sees the old file or the new one, never half of it."""
    temporary = path.with_name(f".{path.name}.new")
    temporary.write_text(text)
    temporary.replace(path)
