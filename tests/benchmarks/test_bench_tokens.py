"""A turn of a role takes as many tokens late in a run as early in it. `make bench-tokens` measures it over fifty."""

from __future__ import annotations

import json

import pytest

from benchmarks.tokens.__main__ import measure, summary
from benchmarks.tokens.turns import Turn

ITERATIONS, FULL = 12, 10
"""From as many experiments on the digest tells of no more: the best five and the last five."""


@pytest.fixture(scope="module")
def told() -> list[list[Turn]]:
    import asyncio

    return asyncio.run(measure(ITERATIONS))


def test_every_role_that_is_asked_again_and_again_is_measured(told: list[list[Turn]]) -> None:
    assert {turn.role for turns in told for turn in turns} == {"engineer", "experimentalist", "critic"}
    assert all({"propose", "schedule", "talk"} <= {turn.asked for turn in turns} for turns in told)
    assert {turn.asked for turns in told for turn in turns} >= {"diagnose", "critique"}
    assert all(turn.tokens > 100 for turns in told for turn in turns)


def test_from_ten_experiments_on_a_request_grows_no_more(told: list[list[Turn]]) -> None:
    for asked in ("propose", "schedule", "talk"):
        late = [turn.tokens for turns in told[FULL:] for turn in turns if turn.asked == asked]
        assert max(late) <= 1.05 * min(late), asked


def test_the_summary_is_the_growth_of_all_and_of_each() -> None:
    turns = [[Turn("engineer", "propose", 100 + n), Turn("critic", "critique", 10 + 2 * n)] for n in (0, 50, 10)]
    found = json.loads(json.dumps(summary(turns, 1)))
    assert (found["growth"], found["first"], found["last"]) == (1.2727, 55.0, 70.0)
    assert found["roles"]["critic"] == {"growth": 3.0, "first": 10.0, "last": 30.0}
    assert found["requests"] == {"critique": 50.0, "propose": 120.0}
