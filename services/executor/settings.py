"""What a worker can be told when it is started, by arguments or by the environment (`POSTDOCS_WORKER_SLOTS=4`).

A field of `Settings` is an option: its docstring is the option's help.
"""

from __future__ import annotations

import argparse
import os
import socket
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, ConfigDict, Field, ValidationError

from protocol.errors import BadInput
from protocol.message import Part
from services.executor.warm.preload import MODULES

PREFIX = "POSTDOCS_WORKER_"
ENVIRONMENT = {"bus": "POSTDOCS_BUS_URL", "artifacts": "POSTDOCS_ARTIFACTS"}
"""Those that are not only a worker's have a name of their own."""


def _listed(told: object) -> object:
    if not isinstance(told, str):
        return told
    return () if told == "none" else tuple(name.strip() for name in told.split(","))


class Settings(Part):
    """How a worker works."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    bus: str
    """The NATS server, nats://host:4222; a token for it: POSTDOCS_BUS_TOKEN."""
    queue: str = "default"
    """Whose jobs to take."""
    slots: Annotated[int | None, Field(ge=1)] = None
    """At most so many jobs at a time; without it one on a CPU machine, and as many as fit on one with GPUs."""
    name: str = Field(default_factory=lambda: f"{socket.gethostname()}-{os.getpid()}")
    """Name of this worker; host and process without."""
    owner: str | None = None
    """The run that this worker was started for, and is stopped with."""
    backend: Literal["local", "ray", "slurm", "hf_jobs"] = "local"
    """What runs the jobs: local (this machine), ray, slurm or hf_jobs."""
    sandbox: bool = True
    """Run jobs without a sandbox: they can then do all that you can."""
    pool: Annotated[int, Field(ge=1)] = 1
    """Warm processes that jobs are forked from."""
    recycle_after: Annotated[int, Field(ge=1)] = 200
    """Jobs after which a warm process is replaced."""
    preload: Annotated[tuple[str, ...], BeforeValidator(_listed)] = MODULES
    """Packages that a warm process has imported before a job comes: torch,transformers,… ("none": nothing)."""
    watch: Path | None = None
    """YAML file with other figures than the default's for when a job is alerted and killed (watch/thresholds.py)."""
    artifacts: str | None = None
    """URL of the artifact store, for a machine that does not see the disk of the runs: s3://, hf://, a path."""
    cache: Path = Field(default_factory=lambda: Path.home() / ".cache" / "postdocs")
    """Folder of what outlives a job: environments of jobs with requirements of their own."""


def read_settings(argv: Sequence[str] | None = None, environment: Mapping[str, str] = os.environ) -> Settings:
    """An argument goes before the environment, and that before the default. Raises `BadInput`."""
    given: dict[str, Any] = {name: environment[key] for name, key in _keys().items() if environment.get(key)}
    given |= vars(_parser().parse_args(argv))
    try:
        return Settings.model_validate(given)
    except ValidationError as error:
        first = error.errors()[0]
        raise BadInput(_told(str(first["loc"][0]), first["type"], first["msg"], given)) from error


def _keys() -> dict[str, str]:
    return {name: ENVIRONMENT.get(name, PREFIX + name.upper()) for name in Settings.model_fields}


def _parser() -> argparse.ArgumentParser:
    """Options that are not given are absent from what it returns."""
    parser = argparse.ArgumentParser(
        prog="python -m services.executor", description="Runs jobs from a queue.", argument_default=argparse.SUPPRESS
    )
    for name, field in Settings.model_fields.items():
        told = f"{field.description} ({_keys()[name]})"
        if field.annotation is bool:
            parser.add_argument(_option(name), dest=name, action="store_false", help=told)
        else:
            parser.add_argument(_option(name), metavar="X", help=told)
    return parser


def _option(name: str) -> str:
    """What is on by default can be switched off only."""
    return f"--no-{name}" if Settings.model_fields[name].annotation is bool else f"--{name.replace('_', '-')}"


def _told(name: str, kind: str, why: str, given: Mapping[str, Any]) -> str:
    option, key = _option(name), _keys()[name]
    if kind == "missing":
        return f"no {name}: give {option} or set {key}"
    return f"{option} {given[name]} (or {key}): {why[0].lower()}{why[1:]}"
