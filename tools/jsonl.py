"""Writes a JSONL file in one piece: readers see the old file or the new one, never half. Called by the curator."""

from __future__ import annotations

import hashlib
import json
import os
import threading
from collections.abc import Iterable, Mapping
from pathlib import Path


def write(path: Path, records: Iterable[Mapping[str, object]]) -> str:
    """Replace `path` by the records, one a line; folders are made. Returns the file's SHA-256 in hex.

    Values that JSON does not know (dates from Parquet) are written as their text.
    """
    lines = [json.dumps(record, ensure_ascii=False, default=str) + "\n" for record in records]
    data = "".join(lines).encode("utf-8", errors="backslashreplace")  # lone surrogates have no UTF-8
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.{os.getpid()}-{threading.get_ident()}")
    with partial.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    partial.replace(path)
    return hashlib.sha256(data).hexdigest()
