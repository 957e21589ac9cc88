"""The disk is full, or what of it the job was allowed."""

from __future__ import annotations

from services.executor.diagnosis.patterns.pattern import words

DISK = (
    words(
        "disk_full",
        r"No space left on device",
        r"Disk quota exceeded",
        r"File too large",
        r"\[Errno (28|122|27)\]",
        r"\(os error (28|122|27)\)",
        r"PytorchStreamWriter failed writing file|unexpected pos \d+ vs \d+",  # of torch.save
    ),
)
