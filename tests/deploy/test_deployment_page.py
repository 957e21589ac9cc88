"""docs/deployment.md tells of commands, options, variables and keys that there are."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from composed import ROOT, document
from told_commands import takes_its_options

PAGE = (ROOT / "docs" / "deployment.md").read_text()


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)


def commands() -> Iterator[list[str]]:
    for block in blocks("sh"):
        for line in block.splitlines():
            for command in re.split(r"\s+&&\s+", line):
                yield shlex.split(command)


OURS = [command for command in commands() if command[0] == "postdocs"]
SERVICES = [command for command in commands() if command[:2] == ["python", "-m"] and command[2].startswith("services.")]


@pytest.mark.parametrize("command", OURS, ids=" ".join)
def test_a_command_of_ours_takes_the_options_that_the_page_gives_it(command: list[str]) -> None:
    assert takes_its_options(command)


@pytest.mark.parametrize("command", SERVICES, ids=" ".join)
def test_a_service_takes_the_options_that_the_page_gives_it(command: list[str]) -> None:
    help = subprocess.run([sys.executable, *command[1:3], "--help"], cwd=ROOT, capture_output=True, text=True)
    assert help.returncode == 0, help.stderr
    for option in (part for part in command[3:] if part.startswith("--")):
        assert option in help.stdout


def test_the_page_has_commands_of_each_kind() -> None:
    assert len(OURS) > 10
    assert SERVICES


def test_the_variables_that_it_names_are_read_somewhere() -> None:
    places = [
        *ROOT.glob("services/**/*.py"),
        *ROOT.glob("graph/**/*.py"),
        ROOT / "compose.yaml",
        ROOT / "deploy/nats.conf",
    ]
    code = "\n".join(path.read_text() for path in places)
    named = set(re.findall(r"POSTDOCS_[A-Z_]+", PAGE))
    assert len(named) > 5
    assert [name for name in named if name not in code] == []


def test_the_override_for_a_machine_without_a_gpu_names_what_is_there() -> None:
    class Loader(yaml.SafeLoader):
        """Knows Compose's own tag (https://docs.docker.com/reference/compose-file/merge/#reset-value)."""

    Loader.add_constructor("!reset", lambda loader, node: None)
    [override] = blocks("yaml")
    told = yaml.load(override, Loader)
    for name, changes in told["services"].items():
        assert set(changes) <= set(document()["services"][name])
    reserve = {name for name, service in document()["services"].items() if "deploy" in service}
    assert reserve == set(told["services"]), "what has a GPU reserved would not start"


def test_links_and_files_that_it_names_are_there() -> None:
    for name in ("compose.yaml", "constraints.txt"):
        assert name in PAGE
        assert (Path(ROOT) / name).is_file()
