"""Which role has which of the outside world's tools, as a model is offered them."""

from __future__ import annotations

from pathlib import Path

import pytest

from agents.curator.role import ROLE as CURATOR
from agents.engineer.role import ROLE as ENGINEER
from agents.minds.llm.schema import parameters
from agents.registry import load, names
from agents.reviewer.role import ROLE as REVIEWER
from agents.role import Role
from protocol.data import CurateRequest
from protocol.experiment import ProposeRequest
from protocol.research import ReviewRequest
from tools.code import CODE
from tools.hub import HUB_BUILDING, HUB_SOURCES
from tools.papers import LITERATURE
from tools.web import WEB


def test_the_reviewer_has_the_literature_and_the_web_and_the_engineer_the_code() -> None:
    offered = set(REVIEWER.forms[ReviewRequest].tools)
    assert {tool.name for tool in (*LITERATURE, *WEB)} < offered and "search_knowledge" in offered
    offered = set(ENGINEER.forms[ProposeRequest].tools)
    assert {tool.name for tool in CODE} | {"show_script", "signature", "library_source"} < offered


def test_who_chooses_data_and_models_looks_at_the_hub_and_the_engineer_at_models_and_docs() -> None:
    sources = {tool.name for tool in HUB_SOURCES}
    assert sources < set(REVIEWER.forms[ReviewRequest].tools) and sources < set(CURATOR.forms[CurateRequest].tools)
    assert {tool.name for tool in HUB_BUILDING} < set(ENGINEER.forms[ProposeRequest].tools)
    names = {tool.name for role in (REVIEWER, CURATOR, ENGINEER) for tool in role.tools}
    assert not any("upload" in name or "push" in name for name in names)


@pytest.mark.parametrize("role", [REVIEWER, ENGINEER, CURATOR], ids=lambda role: role.name)
def test_a_prompt_names_only_tools_that_the_role_has(role: Role) -> None:
    names = {tool.name for tool in (*LITERATURE, *WEB, *CODE, *HUB_SOURCES, *HUB_BUILDING)}
    told = {name for name in names if f"`{name}`" in role.prompt}
    assert told and told <= {tool.name for tool in role.tools}


def test_their_schemas_have_no_references_and_say_what_fields_mean() -> None:
    for tool in (*LITERATURE, *WEB, *CODE, *HUB_SOURCES, *HUB_BUILDING):
        schema = parameters(tool.arguments)
        assert "$ref" not in str(schema) and schema["additionalProperties"] is False
    assert "2305.18290" in parameters(LITERATURE[1].arguments)["properties"]["id"]["description"]


def test_the_page_of_tools_has_each_tool_of_each_role() -> None:
    page = (Path(__file__).parents[3] / "docs" / "tools.md").read_text()
    untold = [tool.name for name in names() for tool in load(name).tools if f"`{tool.name}`" not in page]
    assert not untold
