"""Out of memory and out of disk, provoked."""

from __future__ import annotations

from pathlib import Path

import pytest
from provoke import Provoker, named

from protocol.job import Needs
from services.executor.inventory.nvml import read_machine

GROW = "held = []\nwhile True: held.append(bytearray(b'x') * 50_000_000)"
LOADER_WORKER_DIES = """
import os, signal
from torch.utils.data import DataLoader, IterableDataset

class Rows(IterableDataset):
    def __iter__(self):
        os.kill(os.getpid(), signal.SIGKILL)
        yield 1

if __name__ == "__main__":
    for row in DataLoader(Rows(), num_workers=1): print(row)
"""
FILE_LIMIT = """
import resource, torch
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
torch.save(torch.zeros(1_000_000), "checkpoint.pt")
"""
MODEL_BEYOND_THE_FILE_LIMIT = """
import resource, tiny
model = tiny.model()
resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
model.save_pretrained("model")
"""


def test_the_allocator_refuses(provoker: Provoker, tmp_path: Path) -> None:
    failure = provoker.fail(tmp_path, "import torch\ntorch.empty(10**14)")
    named(failure, "host_out_of_memory", "DefaultCPUAllocator: can't allocate memory")


def test_python_refuses(provoker: Provoker, tmp_path: Path) -> None:
    named(provoker.fail(tmp_path, "held = bytearray(10**15)"), "host_out_of_memory", "MemoryError")


def test_numpy_refuses(provoker: Provoker, tmp_path: Path) -> None:
    failure = provoker.fail(tmp_path, "import numpy\nnumpy.ones((10**7, 10**8))")
    named(failure, "host_out_of_memory", "Unable to allocate")


def test_the_memory_limit(provoker: Provoker, tmp_path: Path) -> None:
    failure = provoker.fail(tmp_path, GROW, needs=Needs(memory_gb=1.5))
    named(failure, "host_out_of_memory", "memory")


def test_the_kernel_kills_a_loader_process(provoker: Provoker, tmp_path: Path) -> None:
    failure = provoker.fail(tmp_path, LOADER_WORKER_DIES)
    named(failure, "host_out_of_memory", "is killed by signal: Killed")


@pytest.mark.skipif(not read_machine().gpus, reason="no GPU here")
def test_the_device_refuses(provoker: Provoker, tmp_path: Path) -> None:
    failure = provoker.fail(tmp_path, "import torch\ntorch.empty(10**13, device='cuda')", needs=Needs(gpus=1))
    named(failure, "out_of_memory", "CUDA out of memory")


def test_the_device_is_full(provoker: Provoker, tmp_path: Path) -> None:
    failure = provoker.fail(tmp_path, "with open('/dev/full', 'w') as file:\n    file.write('x')")
    named(failure, "disk_full", "OSError: [Errno 28] No space left on device")


def test_a_file_that_may_not_grow(provoker: Provoker, tmp_path: Path) -> None:
    named(provoker.fail(tmp_path, FILE_LIMIT), "disk_full", "unexpected pos")


def test_weights_that_may_not_grow(provoker: Provoker, tmp_path: Path) -> None:
    named(provoker.fail(tmp_path, MODEL_BEYOND_THE_FILE_LIMIT), "disk_full", "File too large")
