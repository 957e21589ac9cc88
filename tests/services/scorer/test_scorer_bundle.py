"""After the final test the scorer writes what rebuilds the model that ships; a run is not lost where it cannot."""

from __future__ import annotations

import asyncio

from laboratory import Laboratory

from protocol.brief import Brief
from protocol.bundle import Bundled, BundleRequest
from protocol.control import FloorBanked
from protocol.envelope import wrap
from services.bundle.rerun import rerun


async def opened(lab: Laboratory) -> None:
    """What is said in a run before its final test, the base being what ships."""
    lab.folder.task.write_text("name: tiny\n")
    brief = Brief(task=lab.task, folder=str(lab.folder.root), task_folder=str(lab.task_folder))
    await lab.journal.append(wrap(brief, run=lab.run, sender="user"))
    await lab.prepare()
    scored = await lab.score("base")
    await lab.ship(scored)
    banked = FloorBanked(candidate="base", score=scored.score, decoding=scored.decoding.label(), tried={})
    await lab.journal.append(wrap(banked, run=lab.run, sender="graph"))


async def test_the_bundle_of_an_untrained_model_agrees_with_its_run(lab: Laboratory) -> None:
    await opened(lab)
    tested = await lab.test("base")
    answer = await lab.ask(BundleRequest(candidate="base"), Bundled)
    assert answer.failed is None and answer.steps == 0
    assert (lab.folder.bundle / "sealed").stat().st_mode & 0o077 == 0
    outcome = await asyncio.to_thread(rerun, lab.folder.bundle, None, lambda line: None)
    assert outcome.agrees and outcome.same_weights
    assert {one.split: one.rebuilt for one in outcome.comparisons}["test"] == tested.score
    assert "secret" not in answer.model_dump_json() and "testrow" not in answer.model_dump_json()


async def test_without_a_final_test_there_is_no_bundle_and_no_error(lab: Laboratory) -> None:
    await opened(lab)
    answer = await lab.ask(BundleRequest(candidate="base"), Bundled)
    assert answer.failed is not None and "no score on the sealed test split" in answer.failed
    assert not lab.folder.bundle.exists()
