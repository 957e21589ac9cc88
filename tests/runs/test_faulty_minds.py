"""Whatever goes wrong between the minds and their model, a run ends with a shipped model, and says who answered.

Twenty seeded runs: each fault alone, at every reply, and all of them mixed, at three replies of ten. `MIND_SEEDS` says
how many of them are made.
"""

from __future__ import annotations

import asyncio
import os
import subprocess
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import pytest

from agents.minds.scripted import Fault, Faults, ScriptedServer
from agents.minds.scripted.faults import FAULTS
from protocol.control import RunEnded
from protocol.message import Message
from protocol.thought import Fallback, Thought
from services.run_folder import RunFolder
from tests.runs import crew, scripted_crew

SEEDS = int(os.environ.get("MIND_SEEDS", "4"))
MIXED = 0.3
TARGET = 0.3
"""Below what the base reaches with worked examples."""
AT_ONCE = 4
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


CHOSEN = troubles()[:SEEDS]


@dataclass(frozen=True)
class Ended:
    """One of the runs, after its end."""

    trouble: Trouble
    done: subprocess.CompletedProcess[str]
    run: RunFolder
    said: list[Message]


@pytest.fixture(scope="module")
def ended(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Ended]:
    """All of them, several at a time: they wait more than they work. Most end after one short experiment, since the
    base meets the target already."""
    folder = tmp_path_factory.mktemp("faulty")
    task = crew.last_digit_task(folder / "task", rows=150, budget="2m", target=TARGET)
    with ThreadPoolExecutor(AT_ONCE) as pool:
        found = pool.map(lambda trouble: _carried_out(trouble, task, folder / str(trouble)), CHOSEN)
        return {str(one.trouble): one for one in found}


def _carried_out(trouble: Trouble, task: Path, folder: Path) -> Ended:
    faults = Faults(trouble.kinds, trouble.rate, trouble.seed)
    with ScriptedServer(scripted_crew.known_strategies, faults) as server:
        arguments = ("--model", "vllm/scripted", "--track", "none", "--runs-dir", folder, "--json")
        done = crew.postdocs("run", task, *arguments, limit=LIMIT, VLLM_BASE_URL=server.url)
    run = crew.only_run(folder)
    return Ended(trouble, done, run, [envelope.data for envelope in asyncio.run(crew.told(run))])


@pytest.mark.parametrize("name", map(str, CHOSEN))
def test_a_run_ends_with_a_shipped_model_and_tells_of_each_fallback(name: str, ended: dict[str, Ended]) -> None:
    one = ended[name]
    assert one.done.returncode in (0, 3), one.done.stderr
    assert len([message for message in one.said if isinstance(message, RunEnded)]) == 1
    assert (one.run.final_model / "config.json").is_file()
    assert crew.alive(one.run.id) == []
    fallbacks = [message for message in one.said if isinstance(message, Fallback)]
    logged = (one.run.logs / "crew.log").read_text()
    assert logged.count("; the playbook answers ") == len(fallbacks)
    assert "Traceback" not in logged
    if one.trouble.rate == 1.0:
        assert bool(fallbacks) == (one.trouble.kinds[0] not in HARMLESS)
    asked = {message.role for message in one.said if isinstance(message, Thought)}
    assert asked == {"reviewer", "curator", "engineer", "experimentalist", "critic"}
