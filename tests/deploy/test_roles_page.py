"""docs/roles.md: its snippets run, its commands are there, its crew is one that a task can have."""

from __future__ import annotations

import importlib.util
import re
import shlex
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from composed import ROOT
from told_commands import takes_its_options

from agents import foreign
from agents.role import Role
from protocol.crew import PLACES, CrewPlan
from services.casting import cast
from services.rehearsal import advice_request, rehearse
from tools.tool import Desk, ToolFault

PAGE = (ROOT / "docs" / "roles.md").read_text()


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)


def loaded(number: int, folder: Path, **names: Any) -> dict[str, Any]:
    """A Python block, run as a file of its own."""
    path = folder / f"block_{number}.py"
    path.write_text(blocks("python")[number])
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None and spec.loader is not None
    made = sys.modules[path.stem] = importlib.util.module_from_spec(spec)
    vars(made).update(names)
    spec.loader.exec_module(made)
    return vars(made)


def write(folder: Path, name: str, text: str) -> None:
    (folder / "roles").mkdir(exist_ok=True)
    (folder / "roles" / f"{name}.py").write_text(text)


COMMANDS = [shlex.split(line) for block in blocks("sh") for part in block.splitlines() for line in part.split(" && ")]
OURS = [command for command in COMMANDS if command[0] == "postdocs"]


@pytest.mark.parametrize("command", OURS, ids=" ".join)
def test_a_command_of_ours_takes_the_options_that_the_page_gives_it(command: list[str]) -> None:
    assert takes_its_options(command)


def test_the_page_begins_with_the_commands_that_a_run_is_tested_with() -> None:
    assert COMMANDS[2:5] == [["postdocs", "roles", "new", "statistician"], ["pip", "install", "-e", "."], ["pytest"]]


def test_the_class_and_its_tests_run_as_they_stand(tmp_path: Path) -> None:
    role = loaded(0, tmp_path)["ROLE"]
    assert isinstance(role, Role)
    assert role.prompt.startswith("You are one of a crew") and "# You are the Skeptic" in role.prompt
    tests = loaded(3, tmp_path, ROLE=role)
    found = [test for name, test in tests.items() if name.startswith("test_")]
    assert len(found) == 2
    for test in found:
        test()
    request = advice_request()
    [entry, _] = request.digest.entries
    twice = request.digest.model_copy(update={"entries": (entry, entry)})
    said = rehearse(role, advice_request(digest=twice)).reply
    assert (said.text, said.directive.strategy) == ("We are tweaking numbers.", "lora")


def test_the_role_on_call_answers_in_its_own_words(tmp_path: Path) -> None:
    made = loaded(1, tmp_path)
    told = rehearse(made["ROLE"], made["PowerRequest"](difference=0.02))
    answer = foreign.read(told.reply, [made["Power"]])
    assert answer.headline() == "10000 items are needed"


async def test_the_tool_looks_up_and_says_what_is_not_there(tmp_path: Path) -> None:
    made = loaded(2, tmp_path)
    tool = made["LOOKUP"]

    async def nobody(recipient: str, message: Any) -> Any:
        raise AssertionError("nobody is asked")

    desk = Desk(advice_request(), tmp_path, tmp_path, nobody)
    assert '"id":"sft-2"' in await tool.run(tool.arguments(experiment="sft-2"), desk)
    with pytest.raises(ToolFault, match="no experiment 'x'"):
        await tool.run(tool.arguments(experiment="x"), desk)


def test_the_crew_is_one_that_a_task_can_have(tmp_path: Path) -> None:
    [text] = blocks("yaml")
    plan = CrewPlan.model_validate(yaml.safe_load(text)["crew"])
    skeptic = blocks("python")[0]
    write(tmp_path, "skeptic", skeptic)
    write(tmp_path, "statistician", skeptic.replace('"skeptic"', '"statistician"'))
    strict = "from agents.critic.role import critique\nfrom agents.role import Role\nfrom protocol.critique import *\n"
    write(
        tmp_path,
        "strict",
        strict + 'ROLE = Role(name="strict", about="a Critic", playbook={CritiqueRequest: critique})\n',
    )
    crew = cast(plan, tmp_path)
    assert crew.placed() == {"statistician": "curator", "timekeeper": "critic"}
    assert crew.answering("critic") == "strict" and not crew.seated("reviewer")


def test_it_names_every_field_and_every_place() -> None:
    from dataclasses import fields

    for field in fields(Role):
        assert f"| `{field.name}` |" in PAGE, field.name
    assert [place for place in PLACES if f"`{place}`" not in PAGE and f"after: {place}" not in PAGE] == []


def test_the_example_that_it_leads_to_is_as_long_as_it_says() -> None:
    lines = (ROOT / "examples" / "node_role" / "timekeeper.js").read_text().splitlines()
    assert 140 <= len(lines) <= 170
