"""A run in Studio from a goal in a sentence to a shipped model, and a fork of it from an earlier checkpoint."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass
from typing import Any

import pytest

from protocol.control import RunEnded
from protocol.envelope import Envelope
from protocol.job import Job, JobFinished
from protocol.studio import Steered
from services.run_folder import RunFolder
from tests.runs import crew
from tests.studio import threads
from tests.studio.conftest import Studio

ROLES = {"reviewer", "curator", "engineer", "experimentalist", "critic"}
WISH = "lora is what I want to see"


@dataclass
class Story:
    """All that came of it."""

    thread: str
    before: list[threads.Part]
    asked: list[dict[str, Any]]
    parts: list[threads.Part]
    values: dict[str, Any]
    folder: RunFolder
    said: list[Envelope]


@pytest.fixture(scope="module")
def story(studio: Studio, tmp_path_factory: pytest.TempPathFactory) -> Story:
    rows = crew.last_digit_task(tmp_path_factory.mktemp("words") / "digits", rows=1500).parent / "train.csv"
    with studio.client() as client:
        thread = threads.new(client)
        words = f"Improve {crew.TINY} on {rows}, reach 20 % in 90 seconds"
        line = {"role": "user", "content": words}
        before = threads.go(client, thread, input={"messages": [line]})
        asked = threads.asked(client, thread)
        parts = threads.go(client, thread, command={"resume": True})
        values = threads.values(client, thread)
    folder = RunFolder(studio.runs_dir / values["run"])
    return Story(thread, before, asked, parts, values, folder, asyncio.run(crew.told(folder)))


def test_the_sentence_becomes_a_task_that_is_shown_and_waits_for_approval(story: Story) -> None:
    [asked] = story.asked
    assert asked["question"] == "Start this run?"
    assert asked["run"] == story.folder.id
    for part in ("exact_match", "{number} ->", "{digit}", "target: 0.2", "time: 90s", str(crew.TINY)):
        assert part in asked["shown"]
    [desk] = [line for line in threads.messages(story.before) if line["name"] == "desk"]
    assert "'number' is asked, 'digit' answers; 1200/150/150 rows" in desk["content"]
    assert not [data for mode, data in story.before if mode == "custom"], "nothing runs before it is approved"


def test_it_ends_with_a_shipped_model(story: Story) -> None:
    ended = json.loads(story.folder.ended.read_text())
    assert ended["outcome"] == "target_met"
    assert (story.folder.final_model / "config.json").is_file()
    assert story.folder.report.is_file() and story.folder.report_html.is_file()
    assert story.values["ended"]["outcome"] == "target_met"
    assert [one.data for one in story.said if isinstance(one.data, RunEnded)]


def test_each_node_of_the_crew_streams_its_update(story: Story) -> None:
    nodes = [name for mode, data in story.parts if mode == "updates" for name in data]
    assert nodes[:5] == ["approve", "brief", "reviewer", "curator", "engineer"]
    assert nodes[-2:] == ["verify", "report"]
    assert {"experimentalist", "critic"} <= set(nodes)


def test_sub_steps_are_streamed_while_a_node_works(story: Story) -> None:
    told = [data for mode, data in story.parts if mode == "custom"]
    assert {"floor_banked", "job_started", "job_metric", "tool_called", "scored"} <= {one["type"] for one in told}
    metric = next(one for one in told if one["type"] == "job_metric")
    assert metric["step"] <= metric["of"] and "loss" in metric["values"]
    order = [(mode, data) for mode, data in story.parts]
    first = next(at for at, (mode, data) in enumerate(order) if mode == "custom" and data["type"] == "job_metric")
    node = next(at for at, (mode, data) in enumerate(order) if mode == "updates" and "critic" in data)
    assert first < node, "they come as they happen, not when the node is done"


def test_all_five_roles_speak_under_their_names_and_their_tools_are_seen(story: Story) -> None:
    lines = threads.messages(story.parts)
    assert {line["name"] for line in lines if line["type"] == "ai" and line["content"]} >= ROLES
    calls = {(line["name"], call["name"]) for line in lines for call in line.get("tool_calls") or ()}
    assert {role for role, _ in calls} == ROLES
    assert {("reviewer", "search_knowledge"), ("curator", "profile_sources"), ("critic", "submit")} <= calls
    answered = {line["tool_call_id"] for line in lines if line["type"] == "tool"}
    assert {call["id"] for line in lines for call in line.get("tool_calls") or ()} <= answered


def test_the_state_can_be_read_at_a_glance(story: Story) -> None:
    values = story.values
    best = values["leaderboard"][0]
    assert best["ships"] and best["experiment"] == values["ships"] and best["dev"] >= 0.2
    assert best["dev"] > values["floor"]
    assert values["budget"]["seconds"] == 90 and 0 < values["budget"]["spent"] < 90 and values["budget"]["tokens"] > 0
    assert values["directive"]["kind"] == "stop"
    assert len(json.dumps(values)) < 100_000, "a glance"


def test_a_fork_with_an_edited_state_is_a_run_of_its_own_that_trains_nothing_again(
    story: Story, studio: Studio
) -> None:
    before = story.folder.ended.read_bytes()
    with studio.client() as client:
        history = client.threads.get_history(story.thread, limit=200)
        after_critic = next(
            state for state in history if list(state["next"]) == ["experimentalist"] and state["values"]["leaderboard"]
        )
        edited = {
            "directive": {"kind": "change_strategy", "strategy": "lora", "reason": WISH},
            "budget": after_critic["values"]["budget"] | {"seconds": 120},
            "tell": WISH,
        }
        made = client.threads.update_state(story.thread, edited, checkpoint=after_critic["checkpoint"])
        parts = threads.go(client, story.thread, input=None, checkpoint_id=made["checkpoint"]["checkpoint_id"])
        values = threads.values(client, story.thread)
    assert values["run"].startswith(f"{story.folder.id}-fork-")
    fork = RunFolder(studio.runs_dir / values["run"])
    said = asyncio.run(crew.told(fork))
    by_then = story.said[: after_critic["values"]["cursor"]["sequence"]]
    trained = {one.data.experiment for one in by_then if isinstance(one.data, JobFinished)}
    jobs = {one.data.id: one.data.experiment for one in said if isinstance(one.data, Job)}
    anew = {experiment for id, experiment in jobs.items() if id.startswith(fork.id)}
    assert trained and trained <= set(jobs.values()), "what the parent computed is known"
    assert anew and not anew & trained, "and nothing of it is computed again"
    started = [data["about"] for mode, data in parts if mode == "custom" and data["type"] == "job_started"]
    assert set(started) == anew
    assert [one.data.directive.reason for one in said if isinstance(one.data, Steered)] == [WISH]
    assert values["budget"]["seconds"] == 120
    assert values["ended"]["outcome"] == "target_met"
    assert (fork.final_model / "config.json").is_file()
    assert story.folder.ended.read_bytes() == before, "the parent is as it was"
