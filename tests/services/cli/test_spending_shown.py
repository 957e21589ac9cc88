"""What language models have cost, by role and in all, against the budget: in `show`, in `watch`, as JSON."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest
from rich.console import Console
from runs_on_disk import keep
from story_of_a_run import RUN, whole_story
from typer.testing import CliRunner

from protocol.brief import Brief
from protocol.envelope import Envelope, wrap
from protocol.ledger import Ledger
from protocol.thought import Fallback, Thought
from services import spending
from services.cli.live import LiveView
from services.cli.main import app
from services.run_folder import RunFolder

BUDGET = {"time": 300, "tokens": 1_000_000, "usd": 5, "roles": {"engineer": {"usd": 2, "tool_calls": 9, "time": 60}}}


def thought(role: str, prompt: int, usd: float | None, tools: int = 0) -> Thought:
    used = {"prompt_tokens": prompt, "completion_tokens": 100, "usd": usd, "tool_calls": tools, "seconds": 4.0}
    return Thought.model_validate({"role": role, "model": "openai/x", "asked": "propose_request", "calls": 2} | used)


def thinking_story(folder: Path) -> list[Envelope]:
    """The story of a run whose minds are models; the user asks one of them after its end."""
    said = whole_story(folder)
    brief = said[0].data
    assert isinstance(brief, Brief)
    task = brief.task.model_copy(update={"budget": type(brief.task.budget).model_validate(BUDGET)})
    said[0] = said[0].model_copy(update={"data": brief.model_copy(update={"task": task})})
    fallback = Fallback(role="critic", model="hf/y", asked="critique_request", reason="3 replies without an answer")
    costs = [("engineer", thought("engineer", 12_000, 0.5, 3)), ("critic", thought("critic", 900, None))]
    told = [wrap(cost, run=RUN, sender=role) for role, cost in [*costs, ("critic", fallback)]]
    after = wrap(thought("engineer", 2_900, 0.25, 1), run=RUN, sender="engineer")
    return [*said[:5], *told, *said[5:], after]


@pytest.fixture(scope="module")
def ledger() -> Ledger:
    return Ledger(thinking_story(Path("/runs/x")))


def test_each_role_and_the_run_stand_against_their_budget(ledger: Ledger) -> None:
    assert spending.rows(ledger) == [
        ("engineer", "15,100", "0.75 of 2.00", "4 of 9", "8 s of 60 s", "2"),
        ("critic", "1,000", "1,000 tokens unpriced", "0", "4 s", "1, 1 by the playbook"),
        (
            "the run",
            "16,100 of 1,000,000",
            "0.75 of 5.00, 1,000 tokens unpriced",
            "4",
            "12 s",
            "3, 1 by the playbook",
        ),
    ]


def test_a_run_by_the_playbook_has_no_such_table() -> None:
    assert spending.rows(Ledger(whole_story(Path("/runs/x")))) == []


def test_the_live_view_has_them_below_the_dialogue(ledger: Ledger) -> None:
    out, said = io.StringIO(), thinking_story(Path("/runs/x"))
    with LiveView(Console(file=out, force_terminal=True, width=140, markup=False, highlight=False)) as view:
        view.on_envelope(len(said), said[-1], ledger)
        assert view._live is not None
        view._live.refresh()
    assert "16,100 of 1,000,000" in out.getvalue() and "4 of 9" in out.getvalue()


def test_show_tells_them_in_words_and_as_json(tmp_path: Path) -> None:
    keep(RunFolder(tmp_path / RUN), thinking_story(tmp_path / RUN))
    told = CliRunner().invoke(app, ["show", "--runs-dir", str(tmp_path)]).stdout
    assert "Spent on thinking" in told and "0.75 of 2.00" in told
    minds = json.loads(CliRunner().invoke(app, ["show", "--json", "--runs-dir", str(tmp_path)]).stdout)["minds"]
    assert minds["run"]["budget"] == {"tokens": 1_000_000, "usd": 5.0, "tool_calls": None}
    assert minds["run"]["spent"]["prompt_tokens"] == 15_800 and minds["run"]["spent"]["unpriced_tokens"] == 1_000
    assert minds["roles"]["engineer"]["spent"]["usd"] == 0.75
    assert minds["roles"]["engineer"]["budget"]["tool_calls"] == 9
    assert minds["roles"]["critic"]["spent"]["fallbacks"] == 1
