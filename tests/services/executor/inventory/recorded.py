"""Inventories as NVML tells them of machines that are about, written down for tests."""

from __future__ import annotations

from services.executor.inventory.machine import Gpu, Machine

GIB = 1024**3 / 1e9


def gpus(count: int, name: str, gib: float, *, first: int = 0, mig: bool = False) -> tuple[Gpu, ...]:
    """`count` of one sort; `first` is the number of the first."""
    kind = "MIG" if mig else "GPU"
    return tuple(
        Gpu(
            uuid=f"{kind}-{first + n:08x}-1111-2222-3333-444444444444",
            name=name,
            memory_gb=gib * GIB,
            minor=0 if mig else first + n,
            mig=mig,
        )
        for n in range(count)
    )


H100S = Machine(cpus=192, memory_gb=2160.0, driver="570.124.06", gpus=gpus(8, "NVIDIA H100 80GB HBM3", 79.6))
A100S = Machine(cpus=64, memory_gb=540.0, driver="550.54.15", gpus=gpus(4, "NVIDIA A100-SXM4-40GB", 40.0))
MIG = Machine(
    cpus=32,
    memory_gb=270.0,
    driver="550.54.15",
    gpus=(
        *gpus(1, "NVIDIA A100-SXM4-80GB MIG 3g.40gb", 39.2, mig=True),
        *gpus(2, "NVIDIA A100-SXM4-80GB MIG 2g.20gb", 19.5, first=1, mig=True),
        *gpus(1, "NVIDIA A100-SXM4-80GB", 79.2, first=8),
    ),
)
MIXED = Machine(
    cpus=24,
    memory_gb=135.0,
    driver="560.35.03",
    gpus=(
        *gpus(2, "NVIDIA GeForce RTX 4090", 24.0),
        *gpus(1, "NVIDIA A100-PCIE-40GB", 40.0, first=2),
        *gpus(2, "NVIDIA H100 PCIe", 79.6, first=3),
    ),
)
NONE = Machine(cpus=8, memory_gb=32.0)
FEW_CPUS = Machine(cpus=2, memory_gb=16.0, driver="550.54.15", gpus=gpus(2, "Tesla T4", 15.0))

RECORDED = {"8xH100": H100S, "4xA100-40": A100S, "MIG": MIG, "mixed": MIXED, "none": NONE, "few CPUs": FEW_CPUS}
