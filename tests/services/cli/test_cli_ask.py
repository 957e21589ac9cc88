"""`postdocs ask`: a role answers with the run's model for it, and the talk is paid from the run's budget."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from runs_on_disk import keep
from story_of_a_run import RUN, whole_story
from typer.testing import CliRunner

from agents.minds.scripted import Call, Conversation, ScriptedServer
from agents.minds.scripted.talk import Reply
from protocol.brief import Brief
from protocol.message import message_id
from services import spending
from services.cli.main import app
from services.run_access import read_ledger
from services.run_folder import RunFolder


def script(talk: Conversation) -> Reply:
    return Call("submit", {"text": "Because it is small."})


def test_each_talk_is_paid_from_the_runs_budget_until_that_is_used_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = RunFolder(tmp_path / RUN)
    said = whole_story(folder.root)
    brief = said[0].data
    assert isinstance(brief, Brief)
    task = brief.task.model_copy(update={"budget": brief.task.budget.model_copy(update={"tokens": 4_000})})
    changed = brief.model_copy(update={"task": task, "models": ("default=vllm/scripted",)})
    said[0] = said[0].model_copy(update={"data": changed, "id": message_id(RUN, "brief")})
    keep(folder, said)
    with ScriptedServer(script) as server:
        monkeypatch.setenv("VLLM_BASE_URL", server.url)
        given = ["ask", RUN, "engineer", "why LoRA?", "--runs-dir", str(tmp_path)]
        told = [CliRunner().invoke(app, given, prog_name="postdocs") for _ in range(4)]
        answers = [done.stdout for done in told]
        assert answers[0] == "Because it is small.\n" and "I follow a playbook" in answers[-1], told[0].output
        spent = spending.plain(asyncio.run(read_ledger(folder)))["run"]["spent"]
        assert spent["prompt_tokens"] + spent["completion_tokens"] == sum(server.billed)
        assert len(server.billed) == 3, "the one that passed the budget, and none after"
