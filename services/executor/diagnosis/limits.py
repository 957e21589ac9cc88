"""What a backend says when it has enforced a limit, as a category: `memory limit 2 GB exceeded: 2.1 GB`."""

from __future__ import annotations

from services.executor.diagnosis.patterns.pattern import words

LIMITS = (
    words("out_of_memory", r"(?i)\b(GPU|device) memory\b"),
    words("host_out_of_memory", r"(?i)\bmemory\b|out of memory|OOM"),
    words("disk_full", r"(?i)\bdisk\b"),
    words("time_out", r"(?i)\btime\b|time-?out|timed out|wall ?clock|deadline"),
    words("forbidden", r"(?i)process|open files|system call|network"),
)
