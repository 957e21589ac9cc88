"""`postdocs doctor`: which mind a run would have, and with --online whether its model answers."""

from __future__ import annotations

from pathlib import Path

import pytest

from agents.minds.choice import MODEL_VARIABLE, PROVIDERS
from agents.minds.scripted import Call, Conversation, Faults, ScriptedServer
from agents.minds.scripted.talk import Reply
from services.cli.checks import Finding, _models
from services.cli.model_check import model_check


@pytest.fixture(autouse=True)
def bare(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is set up."""
    for provider in PROVIDERS.values():
        for variable in (*provider.key_variables, *provider.url_variables):
            monkeypatch.delenv(variable, raising=False)
    monkeypatch.delenv(MODEL_VARIABLE, raising=False)


def test_without_anything_set_a_run_has_the_playbook() -> None:
    assert _models() == Finding(
        "models", "ok", "without --model a run has playbook (no key and no address is set; the playbook needs none)"
    )


def test_the_mind_of_a_run_is_told_with_addresses_and_without_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-secret")
    monkeypatch.setenv("OLLAMA_HOST", "0.0.0.0")
    monkeypatch.setenv("VLLM_BASE_URL", "http://me:sk-secret@gpu-box:8000")
    monkeypatch.setenv("GEMINI_API_KEY", "there is no such provider")
    told = _models().told
    assert told.startswith("without --model a run has openai/gpt-5.5 (")
    assert "ollama at http://127.0.0.1:11434/v1 (OLLAMA_HOST)" in told
    assert "vllm at http://gpu-box:8000/v1 (VLLM_BASE_URL)" in told
    assert "OPENAI_API_KEY is set" in told and "secret" not in told and "GEMINI" not in told
    monkeypatch.setenv(MODEL_VARIABLE, "ollama/qwen3:32b")
    assert "a run has ollama/qwen3:32b (" in _models().told


@pytest.mark.parametrize(
    ("model", "told"), [("gpt-5", "'gpt-5' names no model"), ("anthropic/x", "set ANTHROPIC_API_KEY")]
)
def test_a_choice_that_a_run_would_refuse_fails(monkeypatch: pytest.MonkeyPatch, model: str, told: str) -> None:
    monkeypatch.setenv(MODEL_VARIABLE, model)
    found = _models()
    assert found.state == "failed" and found.told.startswith("POSTDOCS_MODEL: ") and told in found.told


def test_prices_that_cannot_be_read_fail(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("POSTDOCS_PRICES", str(tmp_path / "none.yaml"))
    found = _models()
    assert found.state == "failed" and found.told.startswith("POSTDOCS_PRICES=")


def ready(talk: Conversation) -> Reply:
    return Call("ready")


@pytest.mark.parametrize("provider", ["vllm", "anthropic"])
async def test_online_the_model_is_asked_for_one_call(monkeypatch: pytest.MonkeyPatch, provider: str) -> None:
    with ScriptedServer(ready) as server:
        url = server.url.removesuffix("/v1")
        monkeypatch.setenv(MODEL_VARIABLE, f"{provider}/scripted")
        monkeypatch.setenv(PROVIDERS[provider].url_variables[0], url)
        monkeypatch.setenv("ANTHROPIC_API_KEY", "sk-secret")
        found = await model_check()
        assert found is not None and found[:2] == ("model", "ok") and "answers and calls tools" in found[2]
        assert f"{provider}/scripted at {url}" in found[2] and "secret" not in found[2]
        assert len(server.seen) == 1 and list(server.seen[0].tools) == ["ready"]


async def test_a_model_that_does_not_answer_or_calls_no_tool_is_told_in_one_line(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv(MODEL_VARIABLE, "vllm/scripted")
    told = []
    with ScriptedServer(lambda talk: "I am ready.", Faults(ordered=[None, "server_error", "garbage"])) as server:
        monkeypatch.setenv("VLLM_BASE_URL", server.url)
        told += [await model_check() for _ in range(3)]
    told.append(await model_check())
    lines = [found[2] for found in told if found is not None and found[1] == "missing"]
    assert len(lines) == 4 and not any("\n" in line for line in lines)
    assert "calls no tool" in lines[0] and "HTTP 500" in lines[1] and "Connection error" in lines[3]


async def test_the_playbook_is_not_asked() -> None:
    assert await model_check() is None
