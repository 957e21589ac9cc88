"""What costs nothing: help, version, usage errors; and that no heavy library is loaded for them."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest
from typer.testing import CliRunner

from services.cli.main import app

HEAVY = ("torch", "transformers", "langgraph", "autogen_core", "autogen_agentchat", "nats", "pydantic", "numpy")
READING = ("runs", "show", "watch", "replay", "report")
COMMANDS = ("run", "resume", *READING, "push", "cancel", "tell", "roles", "worker", "workers", "doctor", "schema")


def test_importing_the_command_line_loads_nothing_heavy() -> None:
    code = f"import sys, services.cli.main; print([name for name in {HEAVY!r} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_help_names_every_command_and_the_exit_codes() -> None:
    told = CliRunner().invoke(app, ["--help"]).output
    assert all(name in told for name in COMMANDS)
    assert "130 interrupted" in " ".join(told.split())


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_help(name: str) -> None:
    assert CliRunner().invoke(app, [name, "--help"]).exit_code == 0


def test_a_mistyped_command_is_bad_input() -> None:
    done = CliRunner().invoke(app, ["rnu"])
    assert done.exit_code == 2
    assert "Did you mean" in done.output


def test_version() -> None:
    assert CliRunner().invoke(app, ["--version"]).output.startswith("postdocs 0.")


def test_schema_is_json_on_standard_output() -> None:
    assert "$defs" in json.loads(CliRunner().invoke(app, ["schema"]).stdout)
    assert json.loads(CliRunner().invoke(app, ["schema", "--asyncapi"]).stdout)["asyncapi"] == "3.0.0"


def test_roles_lists_what_is_installed() -> None:
    done = CliRunner().invoke(app, ["roles", "--json"])
    assert {"reviewer", "curator", "engineer", "experimentalist", "critic"} <= {
        r["name"] for r in json.loads(done.stdout)
    }
