"""Crashes, signals, drivers, lost peers, and jobs that leave nothing, provoked."""

from __future__ import annotations

from importlib.metadata import version
from pathlib import Path

import pytest
from provoke import Provoker, named

from services.executor.inventory.nvml import read_machine

NO_PEER = """
import datetime, os, torch.distributed as dist
store = dist.FileStore("store", 2)
dist.init_process_group("gloo", store=store, rank=0, world_size=2, timeout=datetime.timedelta(seconds=2))
"""
LOST_PEER = """
import datetime, os, torch, torch.distributed as dist

def join(rank):
    store = dist.FileStore("store", 2)
    dist.init_process_group("gloo", store=store, rank=rank, world_size=2, timeout=datetime.timedelta(seconds=20))

if os.fork() == 0:
    join(1)
    os._exit(0)
join(0)
for _ in range(3):
    dist.all_reduce(torch.ones(4))
"""


@pytest.mark.parametrize("name", ["SIGSEGV", "SIGABRT", "SIGBUS"])
def test_a_crash(provoker: Provoker, tmp_path: Path, name: str) -> None:
    named(provoker.fail(tmp_path, f"import os, signal\nos.kill(os.getpid(), signal.{name})"), "crashed", name)


def test_a_crash_in_native_code(provoker: Provoker, tmp_path: Path) -> None:
    script = "import ctypes, faulthandler\nfaulthandler.enable()\nctypes.string_at(0)"
    named(provoker.fail(tmp_path, script), "crashed", "Fatal Python error: Segmentation fault")


def test_killed_from_outside_without_a_word(provoker: Provoker, tmp_path: Path) -> None:
    named(provoker.fail(tmp_path, "import os, signal\nos.kill(os.getpid(), signal.SIGKILL)"), "killed", "SIGKILL")


def test_a_crash_told_by_a_shell(provoker: Provoker, tmp_path: Path) -> None:
    script = "import os\nos.execvp('sh', ['sh', '-c', 'sh -c \"kill -SEGV $$\"; exit $?'])"
    named(provoker.fail(tmp_path, script), "crashed", "SIGSEGV")


@pytest.mark.skipif(bool(read_machine().gpus), reason="there is a driver")
def test_cuda_without_a_driver(provoker: Provoker, tmp_path: Path) -> None:
    built_without = version("torch").endswith("+cpu")
    quoted = "Torch not compiled with CUDA enabled" if built_without else "Found no NVIDIA driver"
    named(provoker.fail(tmp_path, "import torch\ntorch.cuda.init()"), "driver", quoted)


def test_a_peer_that_never_comes(provoker: Provoker, tmp_path: Path) -> None:
    named(provoker.fail(tmp_path, NO_PEER), "nccl", "timeout")


def test_a_peer_that_is_lost(provoker: Provoker, tmp_path: Path) -> None:
    named(provoker.fail(tmp_path, LOST_PEER), "nccl", "gloo/transport")


def test_a_job_that_leaves_no_model(provoker: Provoker, tmp_path: Path) -> None:
    named(provoker.fail(tmp_path, "print('done')"), "no_model", "it left no whole model: no folder model")


def test_an_exit_code_and_a_last_word(provoker: Provoker, tmp_path: Path) -> None:
    named(provoker.fail(tmp_path, "import sys\nprint('that is all')\nsys.exit(7)"), "unknown", "that is all")
