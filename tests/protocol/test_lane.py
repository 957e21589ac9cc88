"""A lane's name says all that placement must know, and no two lanes overlap."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocol.job import Job, JobSpec, Needs
from protocol.lane import Lane, lane_of, needs_token, parse_lane, parse_needs, placed_by

needs = st.builds(
    Needs,
    gpus=st.integers(0, 64),
    kind=st.one_of(st.none(), st.sampled_from(["h100", "m40", "k80", "RTX 4090", "r8", "1g.10gb"]), st.text()),
    min_memory_gb=st.one_of(st.none(), st.floats(1e-6, 1e4)),
    memory_gb=st.one_of(st.none(), st.floats(1e-6, 1e6)),
    backend=st.sampled_from([None, "local", "ray", "hf_jobs"]),
)
names = st.from_regex(r"\A[A-Za-z0-9_-]{1,20}\Z")
lanes = st.builds(Lane, queue=names, priority=st.integers(0, 9), run=names, needs=needs.map(placed_by))


@given(needs)
def test_a_needs_token_is_one_token_and_says_what_placement_goes_by(asked: Needs) -> None:
    token = needs_token(asked)
    assert not set(token) & set(".*> \t\r\n")
    told = parse_needs(token)
    assert needs_token(told) == token
    assert (told.gpus, told.backend) == (asked.gpus, asked.backend)
    if asked.gpus and asked.kind:
        assert told.kind == asked.kind.lower()
    if asked.gpus and asked.min_memory_gb is not None:
        assert told.min_memory_gb == pytest.approx(asked.min_memory_gb, abs=0.001)
    if asked.memory_gb is not None:
        assert told.memory_gb == pytest.approx(asked.memory_gb, abs=0.001)


@pytest.mark.parametrize(
    ("asked", "token"),
    [
        (Needs(), "cpu"),
        (Needs(gpus=1), "g1"),
        (Needs(gpus=2, kind="H100"), "g2-kh100"),
        (Needs(gpus=1, min_memory_gb=20, kind="a100"), "g1-m20-ka100"),
        (Needs(gpus=1, kind="m20"), "g1-km20"),
        (Needs(memory_gb=8.5, min_memory_gb=4, kind="h100"), "cpu-r8_5"),
        (Needs(gpus=1, kind="k80", backend="ray"), "g1-bray-kk80"),
        (Needs(gpus=1, kind="1g.10gb"), "g1-k1g%2E10gb"),
    ],
)
def test_tokens(asked: Needs, token: str) -> None:
    assert needs_token(asked) == token


@given(lanes)
def test_a_lane_is_read_back_from_its_jobs_and_from_its_filter(lane: Lane) -> None:
    assert parse_lane(lane.subject("0123abcd")) == lane
    assert parse_lane(lane.filter) == lane
    assert not set(lane.consumer) & set(".*>/\\ ")


@given(lanes, lanes)
def test_two_lanes_have_two_names(one: Lane, other: Lane) -> None:
    assert (one == other) is (one.filter == other.filter) is (one.consumer == other.consumer)


@pytest.mark.parametrize(
    "subject",
    [
        "",
        *("jobs.q.5.r.cpu", "jobs.q.55.r.cpu.x", "jobs.q.x.r.cpu.x", "jobs.q.5.r.gpu.x"),
        *("jobs.q.5.r.g0.x", "jobs.q.5.r.g1-kH100.x", "jobs.q.5.r.g1-m20_0.x"),  # no job of ours is named so
    ],
)
def test_what_names_no_lane_is_told_apart(subject: str) -> None:
    assert parse_lane(subject) is None


def test_a_job_is_always_in_the_same_lane() -> None:
    spec = JobSpec(files={}, argv=("a.py",), seconds=1.0, needs=Needs(gpus=1, disk_gb=3.0))
    job = Job(id="j", run="r", experiment="e", folder="/f", spec=spec, priority=7)
    assert lane_of(job) == lane_of(job.model_copy(update={"attempt": 3}))
    assert lane_of(job).subject("j") == "jobs.default.7.r.g1.j"
