"""Memory of GPUs that are known by name only, and the GPUs that Slurm tells of."""

from __future__ import annotations

import pytest

from tools.sizing.gpus import memory_gb


@pytest.mark.parametrize(
    ("name", "memory"),
    [
        ("H100", 80.0),
        ("nvidia_a100-sxm4-80gb", 80.0),
        ("NVIDIA A100-SXM4-40GB", 40.0),
        ("A100-80G", 80.0),
        ("a100", 40.0),
        ("a100_80gb_pcie", 80.0),
        ("tpu-v4", 0.0),
        ("", 0.0),
    ],
)
def test_the_size_in_a_name_goes_before_the_model(name: str, memory: float) -> None:
    assert memory_gb(name) == memory


def test_slurms_gpus_are_read_from_its_gres() -> None:
    pytest.importorskip("submitit", reason="the cluster extra is not installed")
    from services.executor.backends.slurm import gpus_of

    assert [gpu.uuid for gpu in gpus_of("gpu:h100:2(S:0-1),license:3")] == ["gpu:h100", "gpu:h100"]
    mixed = gpus_of("gpu:a100:1,gpu:nvidia_a100-sxm4-80gb:1(IDX:0)")
    assert [gpu.memory_gb for gpu in mixed] == [40.0, 80.0]
    assert [(gpu.uuid, gpu.name, gpu.memory_gb) for gpu in gpus_of("gpu:1")] == [("gpu", "GPU", 0.0)]
    assert gpus_of("(null)") == gpus_of("") == gpus_of("mps:100") == ()


def test_slurms_machines_are_those_that_take_jobs() -> None:
    pytest.importorskip("submitit", reason="the cluster extra is not installed")
    from services.executor.backends.slurm import nodes_of

    lines = (
        "n1|8|64000|gpu:h100:2|mixed",
        "n1|8|64000|gpu:h100:2|mixed",
        "n2|96|512000|gpu:8|drained*",
        "n3|4|1000+|(null)|idle~",
    )
    nodes = nodes_of("\n".join(lines) + "\n")
    assert [(node.cpus, round(node.memory_gb), len(node.gpus)) for node in nodes] == [(8, 67, 2), (4, 1, 0)]
