"""Child processes that never outlive their parent. Used by everything that starts a process."""

from __future__ import annotations

import ctypes
import os
import signal
import sys
from collections.abc import Callable

_PR_SET_PDEATHSIG = 1
"""Linux: prctl(2), the signal that a process gets when its parent dies."""


def die_with_parent(number: int = signal.SIGKILL) -> Callable[[], None]:
    """A `preexec_fn`: the child gets signal `number` when the thread that started it ends, even by `kill -9`.

    Elsewhere than on Linux it does nothing; there an orderly stop is all there is.
    """
    parent = os.getpid()

    def prepare() -> None:
        if sys.platform == "linux":
            ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, number)
            if os.getppid() != parent:  # the parent died before the call
                os.kill(os.getpid(), number)

    return prepare
