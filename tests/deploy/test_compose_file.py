"""compose.yaml says what Compose understands, and each of its services does what it says."""

from __future__ import annotations

import asyncio
import json
import os
import re
import sqlite3
import subprocess
from contextlib import closing
from importlib.resources import files
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from composed import GIVEN, ROOT, TOKEN, Composed, document, postgres_binaries, substituted

from protocol.control import RunEnded
from protocol.job import JobAccepted, JobFinished, JobStarted
from services.bus_server import Connection
from services.executor.settings import read_settings
from services.run_access import open_journal, read_journal
from services.runs_on_bus import find_on_bus
from tests.runs import crew


def schema() -> dict[str, Any]:
    """The Compose specification's own schema, as the package check-jsonschema carries it."""
    text = (files("check_jsonschema") / "builtin_schemas" / "vendor" / "compose-spec.json").read_text()
    loaded = json.loads(text)
    assert "services" in loaded["properties"]
    return dict(loaded)


def services() -> dict[str, Any]:
    return dict(substituted(document()["services"], GIVEN))


def test_it_is_valid_by_the_compose_schema() -> None:
    validator = jsonschema.validators.validator_for(schema())(schema())
    assert [error.message for error in validator.iter_errors(document())] == []
    wrong = document()
    wrong["services"]["nats"]["comand"] = "nats-server"
    assert not validator.is_valid(wrong)


def test_it_has_every_part_and_what_trains_and_what_scores_has_the_gpus() -> None:
    assert set(services()) == {"nats", "postgres", "graph-server", "agents", "executor"}
    for name in ("executor", "graph-server"):
        [device] = services()[name]["deploy"]["resources"]["reservations"]["devices"]
        assert (device["driver"], device["count"], device["capabilities"]) == ("nvidia", "all", ["gpu"])


def test_what_is_made_once_outlives_its_container() -> None:
    told = services()["executor"]
    cache = read_settings(["--bus", "nats://x"], told["environment"]).cache
    assert any(cache.is_relative_to(mount.split(":")[1]) for mount in told["volumes"]), cache


def test_what_it_names_is_there() -> None:
    told = document()
    for name, service in services().items():
        for mount in service["volumes"]:
            source = mount.split(":")[0]
            assert (ROOT / source).exists() if source.startswith(".") else source in told["volumes"], (name, mount)
        for other, condition in service.get("depends_on", {}).items():
            assert condition == {"condition": "service_healthy"}
            assert "healthcheck" in told["services"][other]
        if "build" in service:
            assert (ROOT / service["build"]["dockerfile"]).is_file()


def test_no_part_is_started_without_secrets_and_each_has_its_own_only() -> None:
    for name in GIVEN:
        with pytest.raises(KeyError, match="openssl rand"):
            substituted(document(), {key: value for key, value in GIVEN.items() if key != name})
    for name, service in services().items():
        assert not any(secret in " ".join(service.get("command", [])) for secret in GIVEN.values())
        has_password = GIVEN["POSTDOCS_POSTGRES_PASSWORD"] in json.dumps(service)
        assert has_password == (name in ("postgres", "graph-server")), name


def test_the_image_is_built_of_what_is_there() -> None:
    told = (ROOT / "deploy" / "Dockerfile").read_text()
    kept = re.findall(r"^!(\S+)$", (ROOT / "deploy" / "Dockerfile.dockerignore").read_text(), re.MULTILINE)
    for line in re.findall(r"^COPY (.+) \S+$", told, re.MULTILINE):
        for source in line.split():
            assert (ROOT / source).exists()
            assert source in kept


@pytest.mark.skipif(postgres_binaries() is None, reason="PostgreSQL is not installed")
async def test_each_service_starts_by_its_command_and_a_run_goes_through_all(tmp_path: Path) -> None:
    task = crew.last_digit_task(tmp_path / "task", budget="45s", target=0.3)
    with Composed(tmp_path) as composed:
        user = os.environ | composed.user()
        command = [*crew.POSTDOCS, "run", str(task), "--detach"]
        handed = await asyncio.to_thread(
            subprocess.run, command, env=user, cwd=crew.ROOT, capture_output=True, text=True, timeout=60, check=False
        )
        assert handed.returncode == 0, handed.stderr
        run = await find_on_bus(Connection(url=user["POSTDOCS_BUS_URL"], token=TOKEN), handed.stdout.strip())
        async with asyncio.timeout(180), open_journal(run) as journal:
            async for _, envelope in journal.follow():
                if isinstance(envelope.data, RunEnded):
                    ended = envelope.data
                    break
        assert {name: process.poll() for name, process in composed.processes.items()} == dict.fromkeys(
            ("nats", "postgres", "graph-server", "agents", "executor")
        )
        said = [envelope for _, envelope in await read_journal(run)]
        with composed.connect_to("postdocs") as connection:
            threads = connection.execute("SELECT DISTINCT thread_id FROM checkpoints").fetchall()
    assert Path(ended.final_model).is_relative_to(composed.runs)
    assert (Path(ended.final_model) / "model.safetensors").is_file()
    assert any(isinstance(envelope.data, JobFinished) for envelope in said)
    workers = {envelope.data.worker for envelope in said if isinstance(envelope.data, JobAccepted)}
    assert [worker.endswith(f"-{composed.processes['executor'].pid}") for worker in workers] == [True]
    assert {"reviewer", "curator", "engineer", "experimentalist", "scorer"} <= {e.sender for e in said}
    assert threads == [(run.id,)]
    with closing(sqlite3.connect(tmp_path / "trackio" / f"{run.id}.db")) as store:
        [(tracked,)] = store.execute("SELECT count(DISTINCT run_id) FROM metrics").fetchall()
    started = {envelope.data.job for envelope in said if isinstance(envelope.data, JobStarted)}
    assert tracked == len(started)
    offline = Path(ended.final_model).parent.glob("tracking/wandb/offline-run-*/run-*.wandb")
    assert {path.stem.removeprefix("run-") for path in offline} == started
