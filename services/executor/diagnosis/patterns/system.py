"""What the operating system refused, and files that are not there."""

from __future__ import annotations

from services.executor.diagnosis.patterns.pattern import words

SYSTEM = (
    words(
        "forbidden",
        r"^PermissionError\b|Permission denied|Operation not permitted",
        r"Read-only file system",
        r"Too many open files",
        r"can't start new thread|Resource temporarily unavailable",
    ),
    words(
        "missing_file",
        r"^FileNotFoundError\b|No such file or directory",
        r"^(NotADirectoryError|IsADirectoryError)\b",
        r"Unrecognized model in ",
    ),
    words("killed", r"exitcode\s*:\s*-9\b|Signal 9 \(SIGKILL\) received by PID"),
    words("crashed", r"exitcode\s*:\s*-(4|6|7|8|11)\b|Signal (4|6|7|8|11) \(SIG\w+\) received by PID"),
)
