"""How the scorer writes and hashes its files: whole or not at all, and private where they are sealed.

Called by everything in this room that keeps something on disk.
"""

from __future__ import annotations

import hashlib
import json
import os
import secrets
from collections.abc import Iterable
from pathlib import Path

TEST_SCORE = "test_score.json"
"""In `sealed/`: the one score on the test split."""
PRIVATE_FILE = 0o600
PRIVATE_FOLDER = 0o700
PUBLIC_FILE = 0o644
_BLOCK = 1 << 20


def sha256_file(path: Path) -> str:
    """Hex digest of a file's content, read in blocks. Raises `OSError`."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            digest.update(block)
    return digest.hexdigest()


def write_whole(path: Path, text: str, mode: int = PUBLIC_FILE) -> None:
    """Write `text` so that a reader, or a process killed meanwhile, sees the old file or the new, never a part."""
    part = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
    part.replace(path)


def private_folder(path: Path) -> Path:
    """The folder, made where it is absent, open to its owner alone."""
    path.mkdir(parents=True, exist_ok=True, mode=PRIVATE_FOLDER)
    path.chmod(PRIVATE_FOLDER)
    return path


def jsonl(rows: Iterable[object]) -> str:
    """One JSON object a line; what JSON does not know (a date, a NumPy number) is written as its text."""
    return "".join(json.dumps(row, ensure_ascii=False, default=str) + "\n" for row in rows)
