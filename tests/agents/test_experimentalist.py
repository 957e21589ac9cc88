"""The Experimentalist's playbook: schedules and lost rungs. Its remedies have tests of their own."""

from __future__ import annotations

from agents.experimentalist.rungs import check
from agents.experimentalist.schedule import schedule
from protocol.experiment import Digest, Proposal
from protocol.schedule import Curve, RungCheck, ScheduleRequest
from tests.agents.requests import nobody
from tests.graph import story


def curve(id: str, *losses: float) -> Curve:
    steps = tuple(10 * (n + 1) for n in range(len(losses)))
    return Curve(experiment=id, rung=0, max_steps=100, steps=steps, losses=losses)


async def test_promotions_come_first_and_what_does_not_fit_is_left_out() -> None:
    proposals = tuple(
        Proposal(experiment=story.experiment(id, rung=rung, seconds=seconds), job=story.JOB)
        for id, rung, seconds in (("a", 0, 10), ("b", 1, 25), ("c", 0, 20))
    )
    answer = await schedule(ScheduleRequest(proposals=proposals, digest=Digest(seconds_left=40)), nobody)
    assert [slot.experiment for slot in answer.slots] == ["b", "a"]
    assert "20 s and 5 s are left" in answer.left_out["c"]


async def test_a_job_far_behind_its_peers_loses_its_rung() -> None:
    peers = (curve("a", 2.0, 1.0, 0.8), curve("b", 2.0, 1.1, 0.9))
    lost = await check(RungCheck(check_point=0.34, curve=curve("c", 2.5, 2.4, 2.4), peers=peers), nobody)
    assert not lost.keep
    assert "median" in lost.reason
    level = await check(RungCheck(check_point=0.34, curve=curve("c", 2.0, 1.05, 0.85), peers=peers), nobody)
    assert level.keep


async def test_one_peer_alone_kills_nobody() -> None:
    verdict = await check(
        RungCheck(check_point=0.34, curve=curve("c", 9.0, 9.0, 9.0), peers=(curve("a", 1.0, 1.0, 1.0),)), nobody
    )
    assert verdict.keep
