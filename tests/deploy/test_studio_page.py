"""docs/studio.md tells of commands, options and files that there are. Its programs run in tests/studio."""

from __future__ import annotations

import json
import re
import shlex

import pytest
from composed import ROOT
from told_commands import takes_its_options

from graph.studio_state import StudioInput, StudioState

PAGE = (ROOT / "docs" / "studio.md").read_text()
BLOCKS = re.findall(r"^```sh\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
COMMANDS = [shlex.split(line) for block in BLOCKS for line in block.splitlines()]
OURS = [command for command in COMMANDS if command[0] == "postdocs"]


@pytest.mark.parametrize("command", OURS, ids=" ".join)
def test_a_command_of_ours_takes_the_options_that_the_page_gives_it(command: list[str]) -> None:
    assert takes_its_options(command)


def test_the_make_targets_are_there() -> None:
    targets = set(re.findall(r"^([\w.-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    named = set(re.findall(r"`make ([\w-]+)`", PAGE)) | {command[1] for command in COMMANDS if command[0] == "make"}
    assert named and named <= targets


def test_the_fields_that_it_names_are_those_of_the_graph() -> None:
    fields = set(re.findall(r"^\| `(\w+)(?:\.\w+)?` \|", PAGE, re.MULTILINE))
    assert {"messages", "task", "run"} <= fields <= set(StudioState.__annotations__) | set(StudioInput.__annotations__)
    glance = re.search(r"\*\*The state at a glance\*\*: (.*?)\.\n", PAGE, re.DOTALL)
    assert glance
    assert set(re.findall(r"`(\w+)`", glance[1])) <= set(StudioState.__annotations__)


def test_the_graph_is_where_the_servers_configuration_says() -> None:
    told = json.loads((ROOT / "langgraph.json").read_text())
    for place in (*told["graphs"].values(), told["http"]["app"]):
        module, name = place.split(":")
        assert hasattr(__import__(module, fromlist=[name]), name)


def test_files_that_it_names_are_there() -> None:
    for name in re.findall(r"\]\(([\w.-]+)\)", PAGE):
        assert (ROOT / "docs" / name).is_file(), name
    for name in re.findall(r"`((?:graph|services)/[\w/]+(?:\.py|/))`", PAGE):
        assert (ROOT / name).exists(), name
