"""What a job uses of its device."""

from __future__ import annotations

import os
import subprocess
import sys
import time

from services.executor.inventory.machine import Gpu
from services.executor.watch.usage import Nvml, Sampler

GPUS = tuple(Gpu(uuid=uuid, name="NVIDIA H200", memory_gb=141) for uuid in ("GPU-1", "GPU-2"))


class Told:
    """A clock that says what the test says."""

    def __init__(self, **busy: float | None) -> None:
        self.told = busy

    def busy(self, uuid: str) -> float | None:
        return self.told[uuid.replace("GPU-", "gpu")]


def test_the_busiest_of_the_jobs_gpus_counts() -> None:
    usage = Sampler(os.getpid(), GPUS, Told(gpu1=0.0, gpu2=0.7)).sample()
    assert (usage.device, usage.busy) == ("NVIDIA H200", 0.7)
    assert usage.memory_gb is not None and usage.memory_gb > 0.01


def test_devices_that_do_not_tell_are_not_idle() -> None:
    assert Sampler(os.getpid(), GPUS, Told(gpu1=None, gpu2=None)).sample().busy is None


def test_a_cpu_job_is_as_busy_as_all_that_it_started() -> None:
    script = "import subprocess, sys\nsubprocess.run([sys.executable, '-c', 'while True: pass'])"
    process = subprocess.Popen([sys.executable, "-c", script], start_new_session=True)
    try:
        sampler = Sampler(process.pid, (), Nvml())
        assert sampler.sample().busy is None
        deadline = time.monotonic() + 30
        while (sampler.sample().busy or 0.0) < 0.05:
            assert time.monotonic() < deadline
            time.sleep(0.3)
    finally:
        os.killpg(process.pid, 9)
        process.wait()


def test_a_job_that_sleeps_is_idle_and_one_that_is_gone_too() -> None:
    process = subprocess.Popen(["sleep", "60"])
    sampler = Sampler(process.pid, (), Nvml())
    sampler.sample()
    time.sleep(0.2)
    assert sampler.sample().busy == 0.0
    process.kill()
    process.wait()
    time.sleep(0.01)
    assert sampler.sample().busy == 0.0


def test_nvml_tells_nothing_of_a_gpu_that_is_not_there() -> None:
    assert Nvml().busy("GPU-00000000-0000-0000-0000-000000000000") is None
