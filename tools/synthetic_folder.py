"""Where a run keeps its synthetic sources: `data/synthetic/<name>/{generate.py,rows.jsonl,provenance.json}`.

Rows stand beside what made them, so that everybody can look, and make them again. Written and read by the curator.
"""

from __future__ import annotations

import hashlib
import secrets
import shutil
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from protocol.brief import DataSource
from protocol.generation import Provenance
from tools import jsonl

LICENSE = "synthetic"
SCRIPT, ROWS, PROVENANCE = "generate.py", "rows.jsonl", "provenance.json"


def home(run: Path) -> Path:
    return run / "data" / "synthetic"


def store(run: Path, provenance: Provenance, script: str, rows: Iterable[Mapping[str, Any]]) -> Provenance:
    """Write a source, in one piece; its provenance with the sum of its rows. Raises `FileExistsError`."""
    folder = home(run) / provenance.name
    partial = folder.with_name(f".{provenance.name}-{secrets.token_hex(8)}")
    try:
        sha256 = jsonl.write(partial / ROWS, rows)
        whole = provenance.model_copy(update={"rows_sha256": sha256})
        (partial / SCRIPT).write_text(script, encoding="utf-8", errors="backslashreplace")
        (partial / PROVENANCE).write_text(whole.model_dump_json(indent=2) + "\n")
        partial.rename(folder)  # fails where there is one with anything in it
    except BaseException as error:
        shutil.rmtree(partial, ignore_errors=True)
        if isinstance(error, OSError) and folder.is_dir():
            raise FileExistsError(f"there is a synthetic source {provenance.name} already") from error
        raise
    return whole


def stored(run: Path) -> dict[str, Provenance]:
    """The synthetic sources of a run by name; without those whose rows are not what was written."""
    found: dict[str, Provenance] = {}
    folders = sorted(home(run).iterdir()) if home(run).is_dir() else []
    for folder in folders:
        if folder.name.startswith("."):
            continue
        try:
            one = Provenance.model_validate_json((folder / PROVENANCE).read_bytes())
            rows = (folder / ROWS).read_bytes()
        except (OSError, ValidationError):
            continue
        if one.name == folder.name and hashlib.sha256(rows).hexdigest() == one.rows_sha256:
            found[one.name] = one
    return found


def source(run: Path, name: str) -> DataSource:
    """A synthetic source, to be read as any other."""
    return DataSource(name=name, file=str(home(run) / name / ROWS), license=LICENSE)
