"""The inventory as NVML tells it. No GPU is needed: NVML's Python module is replaced by one that tells a recording."""

from __future__ import annotations

import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import psutil
import pytest

from services.executor.inventory import nvml
from services.executor.inventory.nvml import read_machine

GIB = 1024**3


class Recording(ModuleType):
    """What `pynvml` says on a machine with a whole A100 and one that is cut into three slices, with a gap."""

    NVML_DEVICE_MIG_ENABLE = 1

    class NVMLError(Exception):
        pass

    class NVMLError_NotFound(NVMLError):
        pass

    class NVMLError_NotSupported(NVMLError):
        pass

    def __init__(self, *gpus: dict[str, Any], driver: bool = True) -> None:
        super().__init__("pynvml")
        self.gpus, self.driver, self.open = gpus, driver, 0

    def nvmlInit(self) -> None:
        if not self.driver:
            raise self.NVMLError("Driver Not Loaded")
        self.open += 1

    def nvmlShutdown(self) -> None:
        self.open -= 1

    def nvmlSystemGetDriverVersion(self) -> str:
        return "570.124.06"

    def nvmlDeviceGetCount(self) -> int:
        return len(self.gpus)

    def nvmlDeviceGetHandleByIndex(self, n: int) -> dict[str, Any]:
        return self.gpus[n]

    def nvmlDeviceGetMinorNumber(self, gpu: dict[str, Any]) -> int:
        if gpu.get("lost"):
            raise self.NVMLError("GPU is lost")
        return int(gpu["minor"])

    def nvmlDeviceGetMigMode(self, gpu: dict[str, Any]) -> list[int]:
        if "slices" not in gpu:
            raise self.NVMLError_NotSupported
        return [1, 1]

    def nvmlDeviceGetMaxMigDeviceCount(self, gpu: dict[str, Any]) -> int:
        return 7

    def nvmlDeviceGetMigDeviceHandleByIndex(self, gpu: dict[str, Any], n: int) -> dict[str, Any]:
        if n not in gpu["slices"]:
            raise self.NVMLError_NotFound
        return dict(gpu["slices"][n])

    def nvmlDeviceGetUUID(self, gpu: dict[str, Any]) -> str:
        return str(gpu["uuid"])

    def nvmlDeviceGetName(self, gpu: dict[str, Any]) -> str:
        return str(gpu["name"])

    def nvmlDeviceGetMemoryInfo(self, gpu: dict[str, Any]) -> SimpleNamespace:
        return SimpleNamespace(total=int(gpu["gib"] * GIB))


WHOLE = {"uuid": "GPU-aaaa", "name": "NVIDIA A100-SXM4-80GB", "gib": 80, "minor": 0}
CUT = {
    **{"uuid": "GPU-bbbb", "name": "NVIDIA A100-SXM4-80GB", "gib": 80, "minor": 1},
    "slices": {n: {"uuid": f"MIG-{n}", "name": "NVIDIA A100-SXM4-80GB MIG 1g.10gb", "gib": 9.5} for n in (0, 1, 4)},
}


@pytest.fixture
def recording(monkeypatch: pytest.MonkeyPatch) -> Recording:
    made = Recording(WHOLE, CUT)
    monkeypatch.setitem(sys.modules, "pynvml", made)
    return made


def test_gpus_and_slices_are_told(recording: Recording) -> None:
    machine = read_machine({})
    assert [gpu.uuid for gpu in machine.gpus] == ["GPU-aaaa", "MIG-0", "MIG-1", "MIG-4"]
    assert [(gpu.minor, gpu.mig) for gpu in machine.gpus] == [(0, False), (1, True), (1, True), (1, True)]
    assert machine.gpus[0].memory_gb == pytest.approx(85.9, abs=0.1)
    assert machine.driver == "570.124.06"
    assert machine.device == "NVIDIA A100-SXM4-80GB, 3 × NVIDIA A100-SXM4-80GB MIG 1g.10gb"
    assert recording.open == 0


@pytest.mark.parametrize(
    ("shown", "uuids"),
    [
        ("", []),
        ("-1", []),
        ("0", ["GPU-aaaa"]),
        ("1, 0", ["MIG-0", "MIG-1", "MIG-4", "GPU-aaaa"]),
        ("GPU-aa", ["GPU-aaaa"]),
        ("MIG-4,MIG-0", ["MIG-4", "MIG-0"]),
        ("0,7,1", ["GPU-aaaa"]),
        ("0,0", ["GPU-aaaa"]),
    ],
)
def test_the_devices_that_are_not_shown_are_not_used(recording: Recording, shown: str, uuids: list[str]) -> None:
    assert [gpu.uuid for gpu in read_machine({"CUDA_VISIBLE_DEVICES": shown}).gpus] == uuids


def test_without_a_driver_there_are_no_gpus(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pynvml", Recording(driver=False))
    machine = read_machine({})
    assert (machine.gpus, machine.driver, machine.device) == ((), None, "cpu")
    assert machine.cpus >= 1 and machine.memory_gb > 0


def test_without_the_library_there_are_no_gpus(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pynvml", None)
    assert read_machine({}).gpus == ()


def test_a_gpu_that_is_lost_does_not_stop_the_worker(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pynvml", Recording(WHOLE | {"lost": True}))
    assert read_machine({}).gpus == ()


def test_the_memory_limit_of_a_container_counts(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(nvml, "CGROUP_LIMIT", tmp_path / "memory.max")
    (tmp_path / "memory.max").write_text("2000000000\n")
    assert read_machine({}).memory_gb == 2.0
    (tmp_path / "memory.max").write_text("max\n")
    assert read_machine({}).memory_gb == psutil.virtual_memory().total / 1e9
