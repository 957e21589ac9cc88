"""What docs/models.md says of models is what the code does."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest
import yaml

from agents.minds.choice import DEFAULT, PROVIDERS, choose
from agents.minds.llm import prices
from agents.minds.llm.ending import LAST_ROUNDS, NEAR_CALLS, NEAR_ROUNDS
from agents.minds.llm.limits import TURN
from agents.minds.llm.loops import OVER_AT
from agents.minds.llm.mind import IDLE, REFUSED, UNFIT
from agents.minds.llm.patient import MOST_ASKED_WAIT, TRIES, TRIES_WHEN_LOST
from agents.minds.scripted import Call, Conversation
from protocol.brief import Budget

PAGE = (Path(__file__).parents[3] / "docs" / "models.md").read_text()
PROSE = " ".join(PAGE.split())
ROLES = ("reviewer", "curator", "engineer", "experimentalist", "critic")


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("name", PROVIDERS)
def test_each_provider_stands_there_with_its_variables(name: str) -> None:
    [row] = [line for line in PAGE.splitlines() if line.startswith(f"| `{name}/…`")]
    provider = PROVIDERS[name]
    assert all(f"`{variable}`" in row for variable in (*provider.key_variables, *provider.url_variables))
    assert ("none needed" in row) == (not provider.needs_key)
    if not provider.needs_key:
        assert provider.url in row
    if provider.first_choice:
        assert f"`{name}/{provider.first_choice}` where there" in PROSE


def test_every_model_option_on_the_page_is_understood() -> None:
    keys = {variable: "key" for provider in PROVIDERS.values() for variable in provider.key_variables}
    lines = [line.split("#")[0] for block in blocks("sh") for line in block.splitlines() if "--model" in line]
    assert len(lines) >= 7
    for line in lines:
        assert DEFAULT in choose(re.findall(r"--model (\S+)", line), ROLES, keys)


def test_the_budget_on_the_page_is_a_budget() -> None:
    [text] = blocks("yaml")
    budget = Budget.model_validate(yaml.safe_load(text)["budget"])
    assert set(budget.roles) <= set(ROLES) and budget.roles["engineer"].time == 7200


def test_the_prices_on_the_page_are_read(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    [text] = re.findall(r"<<'END'\n(.*?)^END", PAGE, re.MULTILINE | re.DOTALL)
    (tmp_path / "prices.yaml").write_text(text)
    table = prices._table(str(tmp_path / "prices.yaml"))
    assert table["hf/Qwen/Qwen3-32B"].input == 0.3


def test_the_figures_of_limits_are_those_of_the_code() -> None:
    words = {2: "twice", 3: "three", 4: "four", 6: "six", 10: "ten"}
    assert f"{words[TRIES]} times at most" in PROSE and f"ask but {words[TRIES_WHEN_LOST]}" in PROSE
    assert MOST_ASKED_WAIT == 120 and "up to two minutes" in PROSE
    assert f"{words[IDLE]} in a row" in PROSE and OVER_AT == 6 and "the sixth is the end" in PROSE
    assert f"{words[REFUSED]} are the end, {words[UNFIT]} where a script" in PROSE
    assert (NEAR_CALLS, NEAR_ROUNDS["tokens"], LAST_ROUNDS["tokens"]) == (5, 6, 3) and NEAR_ROUNDS["usd"] == 6
    assert "With five tool calls left" in PROSE and "dollars for six rounds" in PROSE and "for three, `submit`" in PROSE
    assert f"{TURN.tokens:,} tokens, {TURN.tool_calls} tool calls" in PROSE and TURN.seconds == 600


def test_the_example_of_a_script_is_one() -> None:
    [text] = blocks("python")
    tree = ast.parse(text)
    names: dict[str, object] = {}
    exec(compile(ast.Module(tree.body[:2], []), "models.md", "exec"), names)
    call = names["script"](Conversation([], {}))  # type: ignore[operator]
    assert isinstance(call, Call) and call.tool == "search_knowledge"
