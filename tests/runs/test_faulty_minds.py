"""Whatever goes wrong between the minds and their model, a run ends with a shipped model, and says who answered.

Twenty seeded runs: each fault alone, at every reply, and all of them mixed, at three replies of ten. `MIND_SEEDS` says
how many of them are made.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import pytest

from agents.minds.scripted import Fault, Faults, ScriptedServer
from agents.minds.scripted.faults import FAULTS
from protocol.control import RunEnded
from protocol.thought import Fallback, Thought
from tests.runs import crew, scripted_crew

pytestmark = pytest.mark.slow
SEEDS = int(os.environ.get("MIND_SEEDS", "4"))
MIXED = 0.3
LIMIT = 300.0
"""Seconds; a run that takes longer than that hangs."""
HARMLESS = ("slow",)
"""Needs no playbook."""
FIRST: tuple[Fault, ...] = ("bad_arguments", "rate_limit")
"""Alone in the first four runs: one that the model is told of, one that is waited for."""


@dataclass(frozen=True)
class Trouble:
    """What goes wrong in one run."""

    kinds: tuple[Fault, ...]
    rate: float
    seed: int

    def __str__(self) -> str:
        return f"{self.kinds[0] if len(self.kinds) == 1 else 'mixed'}-{self.seed}"


def troubles() -> list[Trouble]:
    """All twenty; mixed ones and single ones in turn, as long as there are both."""
    alone = sorted(FAULTS, key=lambda fault: fault not in FIRST)
    mixed = [Trouble(FAULTS, MIXED, seed) for seed in range(20 - len(alone))]
    single = [Trouble((fault,), 1.0, seed) for seed, fault in enumerate(alone)]
    found: list[Trouble] = []
    while mixed or single:
        found += [of.pop(0) for of in (mixed, single) if of]
    return found


@pytest.fixture(scope="module")
def task(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Most runs end by its target, after two short experiments; where every call is waited for, by its time."""
    return crew.last_digit_task(tmp_path_factory.mktemp("task"), rows=300, budget="2m", target=0.5)


@pytest.mark.parametrize("trouble", troubles()[:SEEDS], ids=str)
async def test_a_run_ends_with_a_shipped_model_and_tells_of_each_fallback(
    trouble: Trouble, task: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    faults = Faults(trouble.kinds, trouble.rate, trouble.seed)
    with ScriptedServer(scripted_crew.known_strategies, faults) as server:
        monkeypatch.setenv("VLLM_BASE_URL", server.url)
        arguments = ("--model", "vllm/scripted", "--runs-dir", tmp_path, "--json")
        done = crew.postdocs("run", task, *arguments, limit=LIMIT)
    assert done.returncode in (0, 3), done.stderr
    run = crew.only_run(tmp_path)
    said = [envelope.data for envelope in await crew.told(run)]
    assert len([one for one in said if isinstance(one, RunEnded)]) == 1
    assert (run.final_model / "config.json").is_file()
    fallbacks = [one for one in said if isinstance(one, Fallback)]
    logged = (run.logs / "crew.log").read_text()
    assert logged.count("; the playbook answers ") == len(fallbacks)
    assert "Traceback" not in logged
    if trouble.rate == 1.0:
        assert bool(fallbacks) == (trouble.kinds[0] not in HARMLESS)
    assert [one for one in said if isinstance(one, Thought)]
    assert crew.alive(run.id) == []
