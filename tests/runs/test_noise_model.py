"""A model of random weights behind a real OpenAI-compatible server (`transformers serve`): its replies are noise, and
the run ends well all the same, by the playbook."""

from __future__ import annotations

import asyncio
import json
import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from protocol.control import RunEnded
from protocol.envelope import Envelope
from protocol.thought import Fallback, Thought
from services.run_folder import RunFolder
from tests.runs import crew

pytestmark = pytest.mark.slow
NAME = "noise"
CONTEXT = 32_768
ENDS = 16
"""Tokens of 1,024 that end a reply: it has 64 tokens, more or less."""
TEMPLATE = "{% for message in messages %}{{ message['role'] }}: {{ message['content'] }}\n{% endfor %}assistant:"
START_SECONDS, RUN_SECONDS = 120.0, 400.0


def make_model(folder: Path) -> None:
    """A Llama that was never trained, with the tiny model's tokenizer and a chat template."""
    import torch
    from transformers import AutoTokenizer, GenerationConfig, LlamaConfig, LlamaForCausalLM

    tokenizer = AutoTokenizer.from_pretrained(crew.TINY)
    tokenizer.model_max_length, tokenizer.chat_template = CONTEXT, TEMPLATE
    torch.manual_seed(0)
    shape = {"hidden_size": 64, "intermediate_size": 128, "num_hidden_layers": 2, "num_attention_heads": 4}
    ends = list(range(1, 1 + ENDS))
    config = LlamaConfig(
        vocab_size=len(tokenizer), max_position_embeddings=CONTEXT, bos_token_id=None, eos_token_id=ends, **shape
    )
    model = LlamaForCausalLM(config)
    model.generation_config = GenerationConfig(do_sample=True, eos_token_id=ends, pad_token_id=0)
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_for(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        try:
            with urllib.request.urlopen(url, timeout=5):
                return
        except OSError:
            time.sleep(0.5)
    raise AssertionError(f"transformers serve does not answer:\n{log.read_text()[-2000:]}")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Address of the server of `NAME`, which is its folder's name, too."""
    folder = tmp_path_factory.mktemp("models")
    make_model(folder / NAME)
    port, log = free_port(), folder / "serve.log"
    command = [Path(sys.executable).with_name("transformers"), "serve", NAME, "--device", "cpu", "--port", str(port)]
    environment = os.environ | {"HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1"}
    with log.open("wb") as out:
        process = subprocess.Popen(command, cwd=folder, stdout=out, stderr=out, env=environment)
        try:
            wait_for(f"http://localhost:{port}/health", process, log)
            yield f"http://localhost:{port}/v1"
        finally:
            process.kill()
            process.wait()


@pytest.fixture(scope="module")
def run(server: str, tmp_path_factory: pytest.TempPathFactory) -> tuple[RunFolder, dict[str, object], list[Envelope]]:
    """A whole run with that model."""
    folder = tmp_path_factory.mktemp("noise")
    task = crew.last_digit_task(folder / "task", rows=300, budget="3m", target=0.5)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("VLLM_BASE_URL", server)
        arguments = ("--model", f"vllm/{NAME}", "--runs-dir", folder / "runs", "--json")
        done = crew.postdocs("run", task, *arguments, limit=RUN_SECONDS)
    assert done.returncode in (0, 3), done.stderr
    made = crew.only_run(folder / "runs")
    return made, json.loads(done.stdout), asyncio.run(crew.told(made))


def test_the_run_ends_well_and_ships_a_model(run: tuple[RunFolder, dict[str, object], list[Envelope]]) -> None:
    folder, told, envelopes = run
    assert len([one for one in envelopes if isinstance(one.data, RunEnded)]) == 1
    assert (folder.final_model / "config.json").is_file()
    assert told["test"] is not None and told["floor"] is not None
    assert "Traceback" not in (folder.logs / "crew.log").read_text()
    assert crew.alive(folder.id) == []


def test_each_turn_was_answered_by_the_playbook_and_the_journal_says_so(
    run: tuple[RunFolder, dict[str, object], list[Envelope]],
) -> None:
    folder, _, envelopes = run
    thoughts = [one.data for one in envelopes if isinstance(one.data, Thought)]
    fallbacks = [one.data for one in envelopes if isinstance(one.data, Fallback)]
    assert {one.role for one in fallbacks} == {"reviewer", "curator", "engineer", "experimentalist", "critic"}
    turns = Counter((one.role, one.asked) for one in thoughts)
    assert turns == Counter((one.role, one.asked) for one in fallbacks)
    assert sum(one.prompt_tokens for one in thoughts) > 0, "the server itself has counted"
    assert (folder.logs / "crew.log").read_text().count("; the playbook answers ") == len(fallbacks)
