"""A whole run whose roles think with a model: all of them use tools and submit; the Engineer writes its own scripts."""

from __future__ import annotations

import asyncio
import json

import pytest

from agents.minds.scripted import ScriptedServer
from protocol.control import RunEnded
from protocol.critique import Verdict
from protocol.envelope import Envelope
from protocol.job import Job, JobFinished, JobMetric
from protocol.preflight import Preflight, PreflightRequest
from protocol.thought import Fallback, Thought, ToolCalled
from services.run_folder import RunFolder
from tests.runs import crew, own_scripts, scripted_crew

ROLES = {"reviewer", "curator", "engineer", "experimentalist", "critic"}
Run = tuple[RunFolder, dict[str, object], list[Envelope]]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """Ends by its target, not by its time: a slow machine takes longer for the same."""
    folder = tmp_path_factory.mktemp("scripted")
    task = crew.last_digit_task(folder / "task", rows=600, target=0.55, budget="10m")
    with ScriptedServer(scripted_crew.crew) as server, pytest.MonkeyPatch.context() as patch:
        patch.setenv("VLLM_BASE_URL", server.url)
        arguments = ("--model", "vllm/scripted", "--require-llm", "--runs-dir", folder / "runs", "--json")
        done = crew.postdocs("run", task, *arguments, limit=300)
    assert done.returncode == 0, done.stderr
    made = crew.only_run(folder / "runs")
    return made, json.loads(done.stdout), asyncio.run(crew.told(made))


def test_all_five_roles_answer_through_tools_and_submit(run: Run) -> None:
    said = [envelope.data for envelope in run[2]]
    submitted = {call.role for call in said if isinstance(call, ToolCalled) and call.tool == "submit"}
    used = {call.tool for call in said if isinstance(call, ToolCalled) and not call.failed}
    assert submitted == ROLES
    assert used >= {"search_knowledge", "profile_sources", "show_script", "signature", "submit"}
    assert {thought.role for thought in said if isinstance(thought, Thought)} == ROLES
    assert all(thought.prompt_tokens for thought in said if isinstance(thought, Thought))
    assert not [one for one in said if isinstance(one, Fallback)]


def test_a_mistake_is_found_before_the_script_is_queued_and_is_mended(run: Run) -> None:
    checks = [envelope.data for envelope in run[2] if isinstance(envelope.data, Preflight)]
    assert [flaw.stage for flaw in checks[0].flaws] == ["arguments"]
    assert own_scripts.SAID_OF_IT in checks[0].flaws[0].told
    assert all(check.flaws == () and check.steps == 2 for check in checks[1:])
    jobs = [envelope.data for envelope in run[2] if isinstance(envelope.data, Job)]
    asked = [envelope.data for envelope in run[2] if isinstance(envelope.data, PreflightRequest)]
    assert own_scripts.WITH_A_MISTAKE in asked[0].spec.files.values()
    assert all(own_scripts.WITH_A_MISTAKE not in job.spec.files.values() for job in jobs)
    assert list((run[0].root / "preflight").iterdir()) == []


def test_its_own_scripts_train_for_real_and_the_winner_ships_through_the_gate(run: Run) -> None:
    folder, told, envelopes = run
    said = [envelope.data for envelope in envelopes]
    scripts = {job.id: job.spec.files["train.py"] for job in said if isinstance(job, Job)}
    finished = [end for end in said if isinstance(end, JobFinished)]
    for text, steps in ((own_scripts.SFT, "sft"), (own_scripts.GRPO, "grpo")):
        trained = [end for end in finished if scripts[end.job] == text]
        wanted = own_scripts.SFT_NUMBERS if steps == "sft" else own_scripts.GRPO_NUMBERS
        assert trained and all(end.steps == wanted["max_steps"] for end in trained), steps
    rewards = [one.values["reward"] for one in said if isinstance(one, JobMetric) and "reward" in one.values]
    assert any(0 < reward < 1 for reward in rewards), "it is right sometimes"
    admitted = {verdict.candidate for verdict in said if isinstance(verdict, Verdict) and verdict.admitted}
    [ended] = [one for one in said if isinstance(one, RunEnded)]
    assert ended.candidate in admitted
    assert told["target_met"] is True and ended.test.value > ended.floor.value
    assert (folder.final_model / "config.json").is_file()
