"""What a zygote knows of leases, and the lock on a job's folder."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from services.executor.lease import clock
from services.executor.warm.leases import Leases, is_free, lock_file


def test_a_lease_that_is_over_is_told_once_and_never_revived() -> None:
    leases = Leases()
    leases.take("a", None, clock() + 0.05)
    leases.take("b", None, clock() + 60)
    leases.take("c", None, None)
    assert leases.over() == [] and 0 < (leases.left() or 0) <= 0.05
    time.sleep(0.06)
    leases.renew("a", clock() + 60)  # by a worker that has just woken up
    assert leases.over() == ["a"] and leases.over() == []
    assert 50 < (leases.left() or 0) <= 60
    leases.renew("b", clock() + 90)
    assert (leases.left() or 0) > 80
    leases.end("b")
    assert leases.left() is None


def test_a_job_whose_lease_is_over_is_not_begun() -> None:
    with pytest.raises(TimeoutError):
        Leases().take("a", None, clock() - 1)


def test_a_folder_is_locked_until_its_job_is_dead(tmp_path: Path) -> None:
    lock = lock_file(tmp_path / "jobs" / "sft-1")
    assert lock == tmp_path / "jobs" / ".sft-1.lock"
    leases = Leases()
    assert is_free(lock)
    leases.take("a", str(lock), None)
    assert not is_free(lock)
    with pytest.raises(BlockingIOError):
        Leases().take("b", str(lock), None)
    other = lock_file(tmp_path / "jobs" / "sft-2")
    leases.take("c", str(other), None)
    (descriptor,) = leases.locks_of_others("c")
    assert os.path.samestat(os.fstat(descriptor), lock.stat())
    leases.end("a")
    assert is_free(lock) and not is_free(other)
    leases.end("c")
