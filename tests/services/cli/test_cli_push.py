"""`postdocs push`: what ships goes to a private repository, with its card, once the user approves; else nothing."""

from __future__ import annotations

import asyncio
import json
import os
import pty
import struct
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import yaml
from hub_repositories import COMMIT, TOKEN, HubServer, Repository
from huggingface_hub import constants
from runs_on_disk import keep
from story_of_a_run import RUN, whole_story
from typer.testing import CliRunner, Result

from protocol.control import Published
from protocol.envelope import Envelope
from protocol.score import Shipped
from services.cli.main import app
from services.run_access import read_journal
from services.run_folder import RunFolder
from services.scorer.model_folder import model_sha256

REPOSITORY = "ada/dates"
WEIGHTS = 300_000
Push = Callable[..., Result]


def write_model(folder: Path) -> None:
    folder.mkdir(parents=True)
    header = json.dumps({"w": {"dtype": "U8", "shape": [WEIGHTS], "data_offsets": [0, WEIGHTS]}}).encode()
    content = struct.pack("<Q", len(header)) + header + os.urandom(WEIGHTS)
    (folder / "model.safetensors").write_bytes(content)
    for name in ("config.json", "generation_config.json", "prompt.json", "tokenizer.json"):
        (folder / name).write_text(json.dumps({"about": name}))


def with_digest(envelopes: list[Envelope], digest: str) -> list[Envelope]:
    def shipped(envelope: Envelope) -> Envelope:
        if not isinstance(envelope.data, Shipped):
            return envelope
        return envelope.model_copy(update={"data": envelope.data.model_copy(update={"sha256": digest})})

    return [shipped(envelope) for envelope in envelopes]


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that has ended, and one that has not."""
    root = tmp_path_factory.mktemp("runs")
    for name, ends in ((RUN, True), ("sums-0302-c3d4", False)):
        write_model(root / "models" / name)
        folder = RunFolder(root / name)
        keep(folder, with_digest(whole_story(folder.root, name, ends), model_sha256(root / "models" / name)))
        (root / "models" / name).rename(folder.final_model)
    return root


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[HubServer]:
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(constants, "HF_TOKEN_PATH", os.devnull)
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    with HubServer(tmp_path / "hub") as server:
        monkeypatch.setenv("HF_ENDPOINT", server.url)
        yield server


@pytest.fixture
def push(runs: Path) -> Push:
    def call(*args: str, run: str = RUN, repo: str = REPOSITORY) -> Result:
        return CliRunner().invoke(app, ["push", run, "--repo", repo, "--runs-dir", str(runs), *args])

    return call


def uploads(hub: HubServer) -> list[str]:
    """What was sent that stays there."""
    return [request.said for request in hub.requests if request.said.startswith(("POST /api/models", "POST /cas"))]


def test_what_ships_is_in_a_private_repository_with_its_card(hub: HubServer, push: Push, runs: Path) -> None:
    done = push("--yes")
    assert done.exit_code == 0, done.output
    held = hub.repositories[REPOSITORY]
    assert held.private and held.messages == [f"Upload e3 of run {RUN}"]
    shipped = {path.name: path.read_bytes() for path in (runs / RUN / "final_model").iterdir()}
    assert {name: content for name, content in held.files.items() if name != "README.md"} == shipped
    assert f"uploaded to {hub.url}/{REPOSITORY} (private, commit cccccccccccc)" in done.stdout
    assert f"{RUN}: e3, 0.871 [0.841, 0.901] on the sealed test split" in done.stderr and "0.3 MB" in done.stderr
    assert not [request.said for request in hub.requests if "/cas/" in request.said and TOKEN in str(request.token)]


def test_the_card_has_the_reports_facts_and_no_place_of_this_machine(hub: HubServer, push: Push, runs: Path) -> None:
    push("--yes")
    card = hub.repositories[REPOSITORY].files["README.md"].decode()
    metadata = yaml.safe_load(card.split("---\n")[1])
    result = metadata["model-index"][0]["results"][0]
    assert metadata["library_name"] == "transformers" and "license" not in metadata
    assert result["metrics"][0]["value"] == 0.871 and result["dataset"]["split"] == "test"
    for told in (
        "# dates",
        "| floor: the untouched base model at its best | dev | 0.020 \\[0.000, 0.050\\] | 500 |",
        "| e3 | test (sealed, read once) | 0.871 \\[0.841, 0.901\\] | 1000 |",
        "200 items won, 12 lost of 500",
        "beyond the noise floor: +0.270 against 0.014",
        "2. e3 (sft, rung 1, seed 0): longer training goes on climbing\n   - recipe: learning_rate=0.003, max_steps=",
        "| clean | clean.jsonl | 8000 | 8000 | CC0-1.0 |",
        "Left out: leaking, leaking: 300 of 8000 rows stand in test",
        "Contamination verdict: clean",
        "1000 test items settle the score to ±0.030",
        "postdocs verify",
    ):
        assert told in card.replace("\\-", "-").replace("\\_", "_").replace("\\+", "+"), told
    assert str(runs) not in card


def test_it_is_written_down(hub: HubServer, push: Push, runs: Path) -> None:
    done = push("--yes", "--json")
    told = json.loads(done.stdout)
    assert told["commit"] == COMMIT and told["repository"] == REPOSITORY
    said = [envelope for _, envelope in asyncio.run(read_journal(RunFolder(runs / RUN)))]
    last = said[-1]
    assert isinstance(last.data, Published) and last.sender == "user" and last.data.commit == COMMIT
    assert TOKEN not in last.model_dump_json()


def test_a_private_repository_that_is_there_is_taken(hub: HubServer, push: Push) -> None:
    hub.repositories[REPOSITORY] = Repository(private=True)
    assert push("--yes").exit_code == 0
    assert "model.safetensors" in hub.repositories[REPOSITORY].files
    assert not any(request.said.endswith("/create") for request in hub.requests)


def test_a_public_repository_is_refused_and_gets_nothing(hub: HubServer, push: Push) -> None:
    hub.repositories[REPOSITORY] = Repository(private=False)
    done = push("--yes")
    assert done.exit_code == 2 and "ada/dates is a public repository: nothing was uploaded" in done.stderr
    assert uploads(hub) == [] and hub.repositories[REPOSITORY].files == {}


def test_one_that_becomes_public_when_it_is_made_gets_nothing(hub: HubServer, push: Push) -> None:
    """An organisation's rules may say so."""
    hub.always_public = True
    assert push("--yes").exit_code == 2 and uploads(hub) == []


def test_without_a_token_it_says_how_to_get_one(hub: HubServer, push: Push, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HF_TOKEN")
    done = push("--yes")
    assert done.exit_code == 2 and hub.requests == []
    assert done.stderr.strip() == (
        "postdocs: there is no Hugging Face token: `hf auth login`, or set HF_TOKEN to a token that may write"
    )


@pytest.mark.parametrize(
    ("repo", "token", "instead", "code", "said"),
    [
        ("ada/dates", "hf_wrong", {}, 2, "the Hugging Face token is not valid"),
        ("bob/dates", TOKEN, {}, 2, "the Hugging Face token may not write to bob"),
        ("dates", TOKEN, {}, 2, "is no name of a repository: give OWNER/NAME"),
        ("../dates", TOKEN, {}, 2, "is no name of a repository"),
        ("ada/dates", TOKEN, {"POST /api/models/ada/dates/commit": (403, {})}, 2, "may not write to ada"),
        ("ada/dates", TOKEN, {"POST /api/models/ada/dates/commit": (409, {})}, 4, "refuses the upload"),
        ("ada/dates", TOKEN, {"GET /api/models/ada/dates": (500, {})}, 4, "(status 500"),
    ],
)
def test_what_the_hub_refuses_is_one_sentence(
    hub: HubServer,
    push: Push,
    monkeypatch: pytest.MonkeyPatch,
    repo: str,
    token: str,
    instead: dict[str, tuple[int, dict[str, str]]],
    code: int,
    said: str,
) -> None:
    monkeypatch.setenv("HF_TOKEN", token)
    hub.instead = instead
    done = push("--yes", repo=repo)
    assert done.exit_code == code and said in done.stderr and "Traceback" not in done.stderr
    assert not any(held.files for held in hub.repositories.values()) and TOKEN not in done.output


def test_without_a_network_it_is_said(hub: HubServer, push: Push, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    done = push("--yes")
    assert done.exit_code == 4 and "the Hugging Face Hub cannot be reached" in done.stderr


def test_a_run_that_has_not_ended_is_not_uploaded(hub: HubServer, push: Push) -> None:
    done = push("--yes", run="sums-0302-c3d4")
    assert done.exit_code == 2 and "has not ended: go on with `postdocs resume" in done.stderr and hub.requests == []


def test_a_model_that_was_changed_after_it_was_scored_is_not_uploaded(hub: HubServer, push: Push, runs: Path) -> None:
    config = runs / RUN / "final_model" / "config.json"
    before = config.read_text()
    config.write_text("{}")
    try:
        done = push("--yes")
    finally:
        config.write_text(before)
    assert done.exit_code == 2 and "is not what was scored and shipped as e3: nothing is uploaded" in done.stderr
    assert hub.requests == []


def test_nobody_there_to_approve(hub: HubServer, push: Push) -> None:
    done = push()
    assert done.exit_code == 2 and "no terminal to ask on: nothing is uploaded; approve it by --yes" in done.stderr
    assert hub.requests == []


def test_on_a_terminal_it_asks_and_no_means_no(hub: HubServer, runs: Path) -> None:
    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "services.cli.main", "push", RUN, "--repo", REPOSITORY, "--runs-dir", str(runs)]
    with subprocess.Popen(command, stdin=theirs, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        os.write(ours, b"n\n")
        _, said = process.communicate(timeout=120)
    os.close(ours)
    os.close(theirs)
    assert process.returncode == 2 and b"Upload it? [y/N]" in said and b"not approved: nothing is uploaded" in said
    assert hub.requests == []
