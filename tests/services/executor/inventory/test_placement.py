"""What a job is given of a machine: the right device, never twice."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from recorded import A100S, FEW_CPUS, H100S, MIG, MIXED, NONE, RECORDED

from protocol.job import Needs
from services.executor.inventory.machine import Gpu, Machine, Node, cluster
from services.executor.inventory.placement import HOST_RESERVE_GB, Placed, default_slots, fits, place
from tools.sizing.gpus import CONTEXT_GB


def placed(machine: Machine, *wanted: Needs, slots: int | None = None) -> list[Placed]:
    """One job after the other, as long as there is room."""
    there: list[Placed] = []
    for needs in wanted:
        grant = place(machine, slots, there, needs)
        if grant is not None:
            there.append(Placed(needs=needs, grant=grant))
    return there


def names(there: list[Placed]) -> list[list[str]]:
    return [[gpu.name for gpu in one.grant.gpus] for one in there]


def check_nothing_is_given_twice(machine: Machine, slots: int | None, there: list[Placed]) -> None:
    """Written apart from the code under test, on purpose."""
    assert slots is None or len(there) <= slots
    assert sum(one.grant.cpus for one in there) <= machine.cpus and all(one.grant.cpus >= 1 for one in there)
    host = sum(one.needs.memory_gb or 0 for one in there)
    assert host <= machine.memory_gb - HOST_RESERVE_GB or not host
    for one in there:
        assert len(set(one.grant.gpus)) == len(one.grant.gpus) == one.needs.gpus
        for gpu in one.grant.gpus:
            assert gpu in machine.gpus
            assert (one.needs.kind or "").lower() in gpu.name.lower()
            assert (one.needs.min_memory_gb or 0) <= gpu.memory_gb
    for gpu in machine.gpus:
        on = [one.needs.min_memory_gb for one in there if gpu in one.grant.gpus]
        if len(on) > 1:
            assert None not in on, "a whole GPU has two jobs"
            assert sum(gb + CONTEXT_GB for gb in on if gb) <= gpu.memory_gb


needs = st.builds(
    Needs,
    gpus=st.sampled_from([0, 0, 1, 1, 1, 2, 3, 4, 8]),
    kind=st.sampled_from([None, None, "h100", "a100", "rtx", "t4", "mig"]),
    min_memory_gb=st.one_of(st.none(), st.floats(0.1, 90)),
    memory_gb=st.one_of(st.none(), st.floats(0.1, 600)),
)
machines = st.sampled_from(sorted(RECORDED)).map(RECORDED.__getitem__)
slots = st.one_of(st.none(), st.integers(1, 12))


@given(machine=machines, slots=slots, wanted=st.lists(needs, max_size=30), data=st.data())
def test_nothing_is_given_twice_whatever_comes_and_goes(
    machine: Machine, slots: int | None, wanted: list[Needs], data: st.DataObject
) -> None:
    there: list[Placed] = []
    for one in wanted:
        grant = place(machine, slots, there, one)
        if grant is not None:
            there.append(Placed(needs=one, grant=grant))
            check_nothing_is_given_twice(machine, slots, there)
        elif there and data.draw(st.booleans()):
            there.pop(data.draw(st.integers(0, len(there) - 1)))


@given(machine=machines, wanted=needs, slots=slots)
def test_what_fits_the_empty_machine_is_placed_there(machine: Machine, wanted: Needs, slots: int | None) -> None:
    grant = place(machine, slots, [], wanted)
    assert (grant is not None) is fits(machine, slots, wanted)
    if grant is not None:
        check_nothing_is_given_twice(machine, slots, [Placed(needs=wanted, grant=grant)])


def test_whole_gpus_go_to_one_job_each() -> None:
    there = placed(H100S, *[Needs(gpus=2)] * 5)
    assert len(there) == 4
    assert len({gpu.uuid for one in there for gpu in one.grant.gpus}) == 8


def test_a_gpu_is_shared_as_far_as_its_memory_goes() -> None:
    there = placed(A100S, *[Needs(gpus=1, min_memory_gb=10)] * 20)
    assert len(there) == 16  # 4 × (10 + 0.6) GB of 42.9 GB on each
    assert not placed(A100S, *[Needs(gpus=1, min_memory_gb=10)] * 16, Needs(gpus=1))[16:]


def test_one_that_says_no_memory_shares_with_nobody() -> None:
    there = placed(A100S, Needs(gpus=4), Needs(gpus=1, min_memory_gb=1))
    assert len(there) == 1


def test_the_smallest_sufficient_device_goes_first() -> None:
    there = placed(MIG, Needs(gpus=1, min_memory_gb=15), Needs(gpus=1, min_memory_gb=30), Needs(gpus=1))
    assert [name.rsplit(" ", 1)[-1] for (name,) in names(there)] == ["2g.20gb", "3g.40gb", "2g.20gb"]
    assert names(placed(MIXED, Needs(gpus=1), Needs(gpus=1, min_memory_gb=60))) == [
        ["NVIDIA GeForce RTX 4090"],
        ["NVIDIA H100 PCIe"],
    ]


def test_shared_jobs_fill_one_gpu_before_they_begin_the_next() -> None:
    one, two = placed(A100S, *[Needs(gpus=1, min_memory_gb=5)] * 2)
    assert one.grant.gpus == two.grant.gpus


def test_a_kind_is_a_word_of_the_name() -> None:
    assert names(placed(MIXED, Needs(gpus=1, kind="h100"))) == [["NVIDIA H100 PCIe"]]
    assert names(placed(MIXED, Needs(gpus=1, kind="RTX 4090"))) == [["NVIDIA GeForce RTX 4090"]]
    assert not fits(MIXED, None, Needs(gpus=1, kind="h10"))
    assert names(placed(MIG, Needs(gpus=1, kind="2g.20gb"))) == [["NVIDIA A100-SXM4-80GB MIG 2g.20gb"]]


def test_several_gpus_are_of_one_name_and_no_slices() -> None:
    assert names(placed(MIXED, Needs(gpus=2, min_memory_gb=30))) == [["NVIDIA H100 PCIe"] * 2]
    assert not fits(MIXED, None, Needs(gpus=3))
    assert not fits(MIG, None, Needs(gpus=2))


@pytest.mark.parametrize("machine", [NONE, H100S, FEW_CPUS])
def test_host_memory_is_counted(machine: Machine) -> None:
    half = Needs(memory_gb=(machine.memory_gb - HOST_RESERVE_GB) / 2)
    assert len(placed(machine, half, half, half, slots=8)) <= 2
    assert not fits(machine, None, Needs(memory_gb=machine.memory_gb))


def test_a_cpu_machine_has_one_slot_and_shares_its_cpus_among_as_many_as_it_is_given() -> None:
    assert default_slots(NONE) == 1 and default_slots(H100S) is None
    (alone,) = placed(NONE, Needs(), Needs(), slots=default_slots(NONE))
    assert alone.grant.cpus == NONE.cpus
    assert [one.grant.cpus for one in placed(NONE, *[Needs()] * 9, slots=4)] == [2, 2, 2, 2]


def test_cpu_jobs_leave_a_cpu_to_each_gpu() -> None:
    there = placed(H100S, *[Needs()] * 100, *[Needs(gpus=1)] * 8)
    assert sum(bool(one.grant.gpus) for one in there) == 8
    assert [one.grant.cpus for one in placed(H100S, *[Needs(gpus=1)] * 8)] == [24] * 8
    assert fits(FEW_CPUS, None, Needs())


def test_a_job_goes_to_the_backend_that_it_names() -> None:
    assert fits(NONE, None, Needs(backend="local")) and not fits(NONE, None, Needs(backend="ray"))


def test_elsewhere_placed_jobs_are_only_asked_for_what_exists() -> None:
    cluster = Machine(cpus=4, memory_gb=0, elastic=True, gpus=(Gpu(uuid="h", name="NVIDIA H100", memory_gb=80),))
    assert fits(cluster, 3, Needs(gpus=8, kind="h100")) and not fits(cluster, 3, Needs(gpus=1, kind="a100"))
    assert len(placed(cluster, *[Needs(gpus=8)] * 5, slots=3)) == 3


def _node(cpus: int, memory_gb: float, *kinds: tuple[str, float, int]) -> Node:
    gpus = tuple(Gpu(uuid=f"gpu:{name}", name=name, memory_gb=gb) for name, gb, count in kinds for _ in range(count))
    return Node(cpus=cpus, memory_gb=memory_gb, gpus=gpus)


H100, A100, T4 = ("NVIDIA H100", 80.0), ("NVIDIA A100", 40.0), ("Tesla T4", 16.0)
nodes = st.lists(
    st.builds(
        _node,
        st.sampled_from([0, 1, 8, 64]),
        st.sampled_from([16.0, 64.0, 500.0]),
        st.tuples(*(st.just(part) for part in H100), st.integers(0, 8)),
        st.tuples(*(st.just(part) for part in A100), st.sampled_from([0, 0, 4])),
        st.tuples(*(st.just(part) for part in T4), st.sampled_from([0, 0, 2])),
    ),
    min_size=1,
    max_size=6,
)


def holds(node: Node, wanted: Needs, cpus: int) -> bool:
    """As sbatch and Ray look at it: one node, GPUs of one kind. Written apart from the code under test, on purpose."""
    enough = node.cpus >= cpus and node.memory_gb >= (wanted.memory_gb or 0)
    alike = [
        [gpu for gpu in node.gpus if gpu.name == name and gpu.memory_gb >= (wanted.min_memory_gb or 0)]
        for name in {gpu.name for gpu in node.gpus if (wanted.kind or "") in gpu.name.lower()}
    ]
    return enough and (not wanted.gpus or any(len(gpus) >= wanted.gpus for gpus in alike))


@given(nodes=nodes, wanted=needs, cpus=st.integers(1, 16))
def test_a_cluster_is_asked_for_what_one_of_its_nodes_has_and_for_nothing_else(
    nodes: list[Node], wanted: Needs, cpus: int
) -> None:
    grant = place(cluster(cpus, tuple(nodes)), 3, [], wanted)
    assert (grant is not None) is any(holds(node, wanted, 1) for node in nodes)
    if grant is not None:
        exact = wanted.model_copy(update={"kind": grant.gpus[0].name.lower()}) if grant.gpus else wanted
        assert len(grant.gpus) == wanted.gpus and len(set(grant.gpus)) <= 1
        assert 1 <= grant.cpus <= cpus and any(holds(node, exact, grant.cpus) for node in nodes)


@given(nodes=nodes, wanted=st.lists(needs, max_size=12), slots=st.integers(1, 4))
def test_a_cluster_is_given_no_more_jobs_than_slots(nodes: list[Node], wanted: list[Needs], slots: int) -> None:
    machine = cluster(4, tuple(nodes))
    there = placed(machine, *wanted, slots=slots)
    assert len(there) == min(slots, sum(fits(machine, slots, one) for one in wanted))


def test_a_job_that_no_node_has_room_for_is_not_sent_to_a_cluster() -> None:
    machine = cluster(4, (_node(32, 64.0, (*H100, 8)), _node(8, 500.0), _node(8, 64.0, (*A100, 4))))
    assert fits(machine, None, Needs(gpus=8)) and not fits(machine, None, Needs(gpus=9))
    assert not fits(machine, None, Needs(gpus=32)) and not fits(machine, None, Needs(gpus=8, kind="a100"))
    assert fits(machine, None, Needs(memory_gb=400)) and not fits(machine, None, Needs(memory_gb=5000))
    assert not fits(machine, None, Needs(gpus=1, memory_gb=400)), "the large node has no GPU"
