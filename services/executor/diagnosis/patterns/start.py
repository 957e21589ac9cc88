"""What the executor itself says of a job that it cannot start (`sandbox/reads.py`, `files/folder.py`)."""

from __future__ import annotations

from services.executor.diagnosis.patterns.pattern import words

START = (
    words("missing_file", r"\breads '.*', which is not there\b", r"which it reads, is not there\b"),
    words("forbidden", r"\breads '.*', (but user|which (holds more|leads out|no job may|is no file)\b)"),
)
