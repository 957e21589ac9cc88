"""`mcp.yaml`: what it may say, and where it is looked for."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from protocol.errors import BadInput
from services.cli.checks import _mcp
from services.cli.session import chosen_minds
from tools.mcp.config import VARIABLE, Server, configured, where

DOCS = Path(__file__).parents[3] / "docs" / "tools.md"
GOOD: dict[str, Any] = {"command": "lab", "roles": ["engineer"], "tools": ["list_runs"]}


def written(folder: Path, content: object) -> dict[str, str]:
    path = folder / "mcp.yaml"
    path.write_text(content if isinstance(content, str) else yaml.safe_dump(content))
    return {VARIABLE: str(path)}


def test_the_example_in_the_documentation_is_read(tmp_path: Path) -> None:
    example = DOCS.read_text().partition("## MCP servers")[2].partition("```yaml\n")[2].partition("```")[0]
    library, lab = configured(written(tmp_path, example))
    assert (library.command, library.variables, library.roles) == ("uvx", ("LIBRARY_TOKEN",), ("reviewer",))
    assert (lab.url, lab.token, lab.seconds) == ("https://lab.example.org/mcp", "LAB_TOKEN", 60)
    assert set(library.missing) == {"LIBRARY_TOKEN"}


def test_it_is_in_the_users_config_home_unless_a_variable_says_otherwise(tmp_path: Path) -> None:
    home = {"XDG_CONFIG_HOME": str(tmp_path)}
    assert where(home) == tmp_path / "postdocs" / "mcp.yaml" and configured(home) == ()
    (tmp_path / "postdocs").mkdir()
    (tmp_path / "postdocs" / "mcp.yaml").write_text(yaml.safe_dump({"servers": {"lab": GOOD}}))
    assert [server.name for server in configured(home)] == ["lab"]
    assert configured(home | {VARIABLE: ""}) == ()
    with pytest.raises(BadInput, match=r"nowhere\.yaml cannot be read"):
        configured(home | {VARIABLE: str(tmp_path / "nowhere.yaml")})
    assert configured(home | written(tmp_path, {"servers": None})) == ()


def test_one_beside_a_task_is_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A task may come from somebody else; this file starts programs."""
    written(tmp_path, {"servers": {"lab": GOOD}})
    monkeypatch.chdir(tmp_path)
    assert configured({"XDG_CONFIG_HOME": str(tmp_path / "config")}) == ()


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("servers: [", "cannot be read"),
        ("- lab", "one entry, `servers`"),
        ({"server": {}}, "one entry, `servers`"),
        ({"servers": ["lab"]}, "valid dictionary"),
        ({"servers": {"Lab!": GOOD}}, "small letters"),
        ({"servers": {"lab": GOOD | {"url": "http://x"}}}, "either `command`"),
        ({"servers": {"lab": {"roles": ["a"], "tools": ["b"]}}}, "either `command`"),
        ({"servers": {"lab": GOOD | {"tools": []}}}, "tools"),
        ({"servers": {"lab": {"command": "lab", "roles": ["engineer"]}}}, "tools: Field required"),
        ({"servers": {"lab": GOOD | {"token": "LAB_TOKEN"}}}, "token does not go with command"),
        ({"servers": {"lab": GOOD | {"seconds": 10_000}}}, "seconds"),
        ({"servers": {"lab": GOOD | {"sampling": True}}}, "sampling"),
        ({"servers": {"lab": GOOD | {"variables": ["hf_abc-def-secret"]}}}, "no name of a variable"),
        ({"servers": {f"lab{n}": GOOD for n in range(11)}}, "10 at most"),
    ],
)
def test_what_cannot_be_used_is_said_in_a_sentence(tmp_path: Path, content: object, told: str) -> None:
    with pytest.raises(BadInput, match=told) as caught:
        configured(written(tmp_path, content))
    assert "mcp.yaml" in str(caught.value) and "\n" not in str(caught.value) and "secret" not in str(caught.value)


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"url": "ftp://lab/mcp"}, "http or https"),
        ({"url": "https://me:hf_secret@lab/mcp"}, "leave user and password out"),
        ({"headers": {"Authorization": "Bearer hf_secret"}}, "put the value of Authorization into a variable"),
        ({"headers": {"X-Api-Key": "hf_secret"}}, "put the value of X-Api-Key into a variable"),
        ({"url": "https://lab/mcp?api_key=hf_secret"}, "leave api_key out of url: .* name that under `token`"),
        ({"url": "https://lab/mcp?team=a&Access%54oken=hf_secret"}, "leave AccessToken out of url"),
        ({"url": "https://lab/mcp?password=hf_secret"}, "leave password out of url"),
        ({"args": ["x"]}, "args does not go with url"),
    ],
)
def test_a_token_in_the_wrong_place_is_refused_and_not_repeated(
    tmp_path: Path, changes: dict[str, Any], told: str
) -> None:
    entry = {"url": "https://lab/mcp", "roles": ["engineer"], "tools": ["list_runs"]} | changes
    with pytest.raises(BadInput, match=told) as caught:
        configured(written(tmp_path, {"servers": {"lab": entry}}))
    assert "hf_secret" not in str(caught.value)


def test_plain_settings_of_an_address_stay(tmp_path: Path) -> None:
    entry = {"url": "https://lab/mcp?team=a&author=b", "headers": {"X-Author": "b"}, "roles": ["a"], "tools": ["b"]}
    assert [server.url for server in configured(written(tmp_path, {"servers": {"lab": entry}}))] == [entry["url"]]


def test_the_doctor_says_what_is_configured_and_what_is_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(VARIABLE, "")
    assert (_mcp().state, "no MCP servers" in _mcp().told) == ("ok", True)
    entry = GOOD | {"command": "no-such-program", "variables": ["LAB_TOKEN"]}
    monkeypatch.setenv(VARIABLE, written(tmp_path, {"servers": {"lab": entry}})[VARIABLE])
    found = _mcp()
    assert found.state == "missing" and found.told.startswith("lab for engineer: list_runs; lab needs LAB_TOKEN")
    assert "there is no program no-such-program" in found.told
    monkeypatch.setenv("LAB_TOKEN", "hf_secret")
    assert "hf_secret" not in _mcp().told and "LAB_TOKEN" not in _mcp().told
    written(tmp_path, "servers: [")
    assert _mcp().state == "failed"
    with pytest.raises(BadInput, match="cannot be read"):
        chosen_minds(["vllm/some"])


def test_values_are_taken_from_the_variables_when_they_are_needed(monkeypatch: pytest.MonkeyPatch) -> None:
    server = Server(name="lab", url="https://lab", token="LAB_TOKEN", roles=("critic",), tools=("x",))
    assert "LAB_TOKEN" in str(server) and server.missing == ("LAB_TOKEN",)
    monkeypatch.setenv("LAB_TOKEN", "hf_secret")
    assert not server.missing and server.secrets == ("hf_secret",) and "hf_secret" not in str(server)
