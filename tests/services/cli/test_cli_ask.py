"""A question in plain words goes to whoever has the role in that run, wherever that is served."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from runs_on_disk import keep
from story_of_a_run import RUN, Told, opening
from typer.testing import CliRunner, Result

from agents.crew import serve
from agents.role import Role
from protocol import critique
from protocol.brief import Brief
from protocol.bus import Bus
from protocol.crew import ELSEWHERE, Crew, Member
from protocol.envelope import Envelope
from protocol.experiment import Directive
from protocol.journal import Journal
from protocol.message import message_id
from services.bus_server import Connection
from services.cli.main import app
from services.minds import RunMinds
from services.run_folder import RunFolder

STRICT = """from agents.role import Role

ROLE = Role(name="strict", about="a Critic", playbook={})
"""
TIMEKEEPER = Role(name="timekeeper", about="keeps the time", playbook={})


def said(folder: Path, crew: Crew) -> list[Envelope]:
    """A run with this crew that has begun."""
    told = Told(RUN)
    opening(told, folder)
    first = told.envelopes[0]
    assert isinstance(first.data, Brief)
    brief = first.data.model_copy(update={"crew": crew})
    told.envelopes[0] = first.model_copy(update={"data": brief, "id": message_id(RUN, "brief")})
    directive = Directive(reason="enough")
    judged = critique.Critique(experiment="e1", verdict="reject", reason="much worse", directive=directive)
    told.say("strict", judged)
    return told.envelopes


def ask(role: str, *options: str) -> Result:
    return CliRunner().invoke(app, ["ask", RUN, role, "why is it worse?", *options], prog_name="postdocs")


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    """A run without a Reviewer, in which the project's strict.py stands in the Critic's place."""
    (tmp_path / "strict.py").write_text(STRICT)
    member = Member(role="strict", source="strict.py", file=str(tmp_path / "strict.py"))
    crew = Crew(without=("reviewer",), replaced={"critic": "strict"}, members=(member,))
    keep(RunFolder(tmp_path / "runs" / RUN), said(tmp_path, crew))
    return tmp_path / "runs"


def test_in_the_place_of_the_critic_the_one_answers_that_replaces_it(runs: Path) -> None:
    assert "much worse" in ask("critic", "--runs-dir", str(runs)).output


def test_one_that_was_left_out_is_not_asked(runs: Path) -> None:
    done = ask("reviewer", "--runs-dir", str(runs))
    assert done.exit_code == 2
    assert "nobody to ask: this run's crew is without reviewer" in done.output


async def test_of_a_run_that_is_on_a_bus_alone_one_that_is_served_elsewhere_is_asked(
    bus: Bus, server: Connection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal = Journal(bus, RUN)
    await journal.create()
    absent = Member(role="absent", source="absent.py", file=str(tmp_path / "absent.py"))
    for envelope in said(tmp_path, Crew(members=(Member(role="timekeeper", source=ELSEWHERE), absent))):
        await journal.append(envelope)
    service = serve(bus, TIMEKEEPER, RunMinds(bus).of)
    await service.start()
    monkeypatch.setenv("POSTDOCS_BUS_TOKEN", server.token or "")
    monkeypatch.setattr("services.cli.ask.PATIENCE_SECONDS", 0.5)
    where = ("--bus", server.url, "--runs-dir", str(tmp_path / "runs"))
    done = await asyncio.to_thread(ask, "timekeeper", *where)
    assert done.exit_code == 0 and "I follow a playbook" in done.output, done.output
    (tmp_path / "absent.py").write_text("raise SystemExit('code that a bus names')")
    done = await asyncio.to_thread(ask, "absent", *where)
    assert "absent did not answer" in done.output, done.output
    await service.stop()
