"""How much memory a job uses, with all that it has started. Polled by the local backend against the job's limit."""

from __future__ import annotations

import psutil

GB = 1e9


def memory_used(pid: int, limit_gb: float) -> float:
    """Gigabytes (10⁹ bytes) that the process and its descendants hold.

    The resident set counts a page that forks share once for each of them, so it can only be too high; the exact
    share (PSS, slow to read) is asked for when the resident sets alone would break the limit.
    """
    try:
        processes = [psutil.Process(pid), *psutil.Process(pid).children(recursive=True)]
    except psutil.NoSuchProcess:
        return 0.0
    resident = sum(_resident(process) for process in processes) / GB
    return resident if resident <= limit_gb else sum(_share(process) for process in processes) / GB


def _resident(process: psutil.Process) -> int:
    try:
        return int(process.memory_info().rss)
    except psutil.Error:  # it has ended, and holds nothing
        return 0


def _share(process: psutil.Process) -> int:
    try:
        full = process.memory_full_info()
    except psutil.AccessDenied:
        return _resident(process)
    except psutil.Error:
        return 0
    return int(getattr(full, "pss", full.uss))
