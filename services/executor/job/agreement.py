"""Lets all processes of a training stop at the same step. Used by `callback`.

One that stopped alone would leave the others waiting for its gradients for ever. Their clocks differ, and a signal
comes to one before the other.
"""

from __future__ import annotations

from typing import Any

import torch
import torch.distributed


class Agreement:
    """Between the processes of one training; between one process and itself it costs nothing."""

    def __init__(self, processes: int) -> None:
        """Made by all of them at the same point."""
        # over the CPU, so that asking does not wait for the GPU's queue
        self._group: Any = torch.distributed.new_group(backend="gloo") if processes > 1 else None

    def any(self, flag: bool) -> bool:
        """Whether one of them says so; all must ask."""
        if self._group is None:
            return flag
        said = torch.tensor([int(flag)])
        torch.distributed.all_reduce(said, torch.distributed.ReduceOp.MAX, self._group)
        return bool(said.item())

    def wait(self) -> None:
        """Until all have come here."""
        if self._group is not None:
            torch.distributed.barrier(self._group)
