"""What `--model` says, and what it means without a word."""

from __future__ import annotations

from pathlib import Path

import pytest

from agents.minds import choice
from agents.minds.llm import prices
from protocol.errors import BadInput

ROLES = ("reviewer", "engineer")


def test_one_model_for_all_or_for_one_role() -> None:
    keys = {"ANTHROPIC_API_KEY": "k", "HF_TOKEN": "t"}
    minds = choice.choose(["engineer=anthropic/claude-opus-5-5", "default=hf/Qwen/Qwen3-32B:groq"], ROLES, keys)
    assert str(choice.of(minds, "engineer")) == "anthropic/claude-opus-5-5"
    assert str(choice.of(minds, "reviewer")) == "hf/Qwen/Qwen3-32B:groq"
    assert choice.told(minds) == "hf/Qwen/Qwen3-32B:groq, engineer: anthropic/claude-opus-5-5"


def test_a_model_for_one_role_leaves_the_others_to_the_playbook() -> None:
    minds = choice.choose(["engineer=ollama/qwen3:32b"], ROLES, {"OPENAI_API_KEY": "k"})
    assert choice.of(minds, "reviewer") is None and str(choice.of(minds, "engineer")) == "ollama/qwen3:32b"


@pytest.mark.parametrize(
    ("environment", "chosen"),
    [
        ({}, None),
        ({"HF_TOKEN": "t"}, None),
        ({"OPENAI_API_KEY": "k"}, "openai/gpt-5.5"),
        ({"OPENAI_API_KEY": "k", "POSTDOCS_MODEL": "playbook"}, None),
        ({"POSTDOCS_MODEL": "vllm/me/mine"}, "vllm/me/mine"),
    ],
)
def test_without_a_word_it_is_what_the_machine_is_set_up_for(environment: dict[str, str], chosen: str | None) -> None:
    model = choice.of(choice.choose([], ROLES, environment), "reviewer")
    assert (str(model) if model else None) == chosen


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ("gpt-5", "names no model"),
        ("openai/", "names no model"),
        ("critik=playbook", "no role 'critik'"),
        ("openai/gpt-5.5", "set OPENAI_API_KEY"),
    ],
)
def test_what_cannot_be_meant_is_said_in_a_sentence(given: str, told: str) -> None:
    with pytest.raises(BadInput, match=told):
        choice.choose([given], ROLES, {})


def test_addresses_come_from_the_usual_variables() -> None:
    ollama, anthropic = choice.parse("ollama/q"), choice.parse("anthropic/c")
    assert ollama and anthropic
    assert ollama.url({}) == "http://localhost:11434/v1"
    assert ollama.url({"OLLAMA_HOST": "gpu-box:11434"}) == "http://gpu-box:11434/v1"
    assert ollama.url({"OLLAMA_BASE_URL": "https://o.example/api/v1"}) == "https://o.example/api/v1"
    assert anthropic.url({"ANTHROPIC_BASE_URL": "http://localhost:9"}) == "http://localhost:9"


@pytest.mark.parametrize(
    ("host", "url"),
    [
        ("0.0.0.0", "http://127.0.0.1:11434/v1"),
        ("127.0.0.1", "http://127.0.0.1:11434/v1"),
        ("gpu-box", "http://gpu-box:11434/v1"),
        ("0.0.0.0:11435", "http://127.0.0.1:11435/v1"),
        (":11435", "http://127.0.0.1:11435/v1"),
        ("::", "http://[::1]:11434/v1"),
        ("[::]:80", "http://[::1]:80/v1"),
        ("http://0.0.0.0:11434", "http://127.0.0.1:11434/v1"),
        ("http://gpu-box", "http://gpu-box/v1"),
        ("gpu-box/api/v1", "http://gpu-box:11434/api/v1"),
    ],
)
def test_ollamas_host_is_read_as_ollama_reads_it_and_can_be_asked(host: str, url: str) -> None:
    ollama = choice.parse("ollama/q")
    assert ollama and ollama.url({"OLLAMA_HOST": host}) == url


def test_only_ollamas_own_variable_means_its_port() -> None:
    ollama, vllm = choice.parse("ollama/q"), choice.parse("vllm/q")
    assert ollama and ollama.url({"OLLAMA_BASE_URL": "gpu-box"}) == "http://gpu-box/v1"
    assert vllm and vllm.url({"VLLM_BASE_URL": "0.0.0.0:8000"}) == "http://127.0.0.1:8000/v1"


def test_prices_have_a_source_and_can_be_overridden(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    opus = choice.parse("anthropic/claude-opus-5-5-20260901")
    assert opus
    found = prices.price(opus)
    assert found and found.source and found.of(1_000_000, 500_000) == 14.0
    unknown = choice.parse("openai/gpt-99")
    assert unknown and prices.price(unknown) is None
    own = tmp_path / "prices.yaml"
    own.write_text("openai/gpt-99: {input: 1, output: 2}\n")
    monkeypatch.setenv("POSTDOCS_PRICES", str(own))
    mine = prices.price(unknown)
    assert mine and mine.of(10**6, 10**6) == 3.0
    own.write_text("openai/gpt-99: cheap\n")
    prices._table.cache_clear()
    with pytest.raises(BadInput, match="POSTDOCS_PRICES"):
        prices.price(unknown)
