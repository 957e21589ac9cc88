"""Where a run keeps the sources that its task does not name: `data/<kind>/<name>/{rows.jsonl,provenance.json,…}`.

Rows stand beside where they come from, so that everybody can look. Written and read by the curator.
"""

from __future__ import annotations

import hashlib
import secrets
import shutil
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar

from pydantic import ValidationError

from protocol.brief import DataSource
from protocol.found import FoundDataset
from protocol.generation import Provenance
from tools import jsonl

ROWS, PROVENANCE, SCRIPT = "rows.jsonl", "provenance.json", "generate.py"
Origin = TypeVar("Origin", Provenance, FoundDataset)


@dataclass(frozen=True)
class Shelf(Generic[Origin]):
    """The sources of one kind."""

    kind: str
    """As people call them, and the name of their folder."""
    origin: type[Origin]

    def home(self, run: Path) -> Path:
        return run / "data" / self.kind

    def store(
        self, run: Path, origin: Origin, rows: Iterable[Mapping[str, Any]], texts: Mapping[str, str] | None = None
    ) -> Origin:
        """Write a source, in one piece; its origin with the sum of its rows. Raises `FileExistsError`."""
        folder = self.home(run) / origin.name
        partial = folder.with_name(f".{origin.name}-{secrets.token_hex(8)}")
        try:
            whole = origin.model_copy(update={"rows_sha256": jsonl.write(partial / ROWS, rows)})
            for name, text in (texts or {}).items():
                (partial / name).write_text(text, encoding="utf-8", errors="backslashreplace")
            (partial / PROVENANCE).write_text(whole.model_dump_json(indent=2) + "\n")
            partial.rename(folder)  # fails where there is one with anything in it
        except BaseException as error:
            shutil.rmtree(partial, ignore_errors=True)
            if isinstance(error, OSError) and folder.is_dir():
                raise FileExistsError(f"there is a source {origin.name} already") from error
            raise
        return whole

    def stored(self, run: Path) -> dict[str, Origin]:
        """The sources of a run by name; without those whose rows are not what was written."""
        found: dict[str, Origin] = {}
        home = self.home(run)
        for folder in sorted(home.iterdir()) if home.is_dir() else []:
            if folder.name.startswith("."):
                continue
            try:
                one = self.origin.model_validate_json((folder / PROVENANCE).read_bytes())
                rows = (folder / ROWS).read_bytes()
            except (OSError, ValidationError):
                continue
            if one.name == folder.name and hashlib.sha256(rows).hexdigest() == one.rows_sha256:
                found[one.name] = one
        return found

    def file(self, run: Path, name: str) -> str:
        return str(self.home(run) / name / ROWS)


SYNTHETIC = Shelf("synthetic", Provenance)
FOUND = Shelf("found", FoundDataset)


def sources(run: Path) -> dict[str, DataSource]:
    """All of a run by name, to be read as any other."""
    made = {
        name: DataSource(name=name, file=SYNTHETIC.file(run, name), license="synthetic")
        for name in SYNTHETIC.stored(run)
    }
    found = {
        name: DataSource(name=name, file=FOUND.file(run, name), license=one.license)
        for name, one in FOUND.stored(run).items()
    }
    return found | made


def told(run: Path) -> list[str]:
    """A line each, for people and for minds."""
    return [one.told() for shelf in (SYNTHETIC, FOUND) for one in shelf.stored(run).values()]
