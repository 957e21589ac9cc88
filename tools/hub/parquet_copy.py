"""Rows of a dataset from the copy in Parquet that the Hub itself makes of every dataset that it can read.

https://huggingface.co/docs/dataset-viewer/parquet: branch `refs/convert/parquet`, `<config>/<split>/0000.parquet`, and
`partial-<split>` where only the first 5 GB were copied. A dataset's own files, which may be of any kind and size, are
not loaded. Called by the curator.
"""

from __future__ import annotations

import asyncio
import itertools
import os
import secrets
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import ValidationError

from tools.http import TRIES, Unreachable
from tools.hub import repository
from tools.hub.parquet_child import Read, Wanted
from tools.hub.services import HUB, INSTEAD, hub_token
from tools.service import Missing
from tools.tool import ToolFault

if TYPE_CHECKING:
    from huggingface_hub import DatasetInfo

BRANCH = "refs/convert/parquet"
PARTIAL = "partial-"
MOST_FILES = 2_000
SECONDS = 200.0
ROOT = Path(__file__).parents[2]
PASSED = ("PATH", "LANG", "LC_ALL", "SYSTEMROOT", "VIRTUAL_ENV", "LD_LIBRARY_PATH", "HF_HUB_OFFLINE")
PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY", "SSL_CERT_FILE", "SSL_CERT_DIR")


@dataclass(frozen=True)
class Copy:
    """A split, as the Hub has copied it."""

    dataset: DatasetInfo
    revision: str
    files: tuple[str, ...]
    """In order, by their paths."""
    partial: bool = False


async def locate(name: str, config: str, split: str) -> Copy:
    """Raises `ToolFault`: `Missing` for no such dataset, configuration or split, `Gated`, …"""
    info = await repository.ask(lambda api: api.dataset_info(name), name, "dataset")
    if info.disabled:
        raise ToolFault(f"{info.id} is disabled: it cannot be loaded")
    if info.gated and hub_token() is None:
        raise repository.gated(info.id, "dataset", False)
    try:
        copy = await repository.ask(lambda api: api.dataset_info(info.id, revision=BRANCH), info.id, "dataset")
    except Missing as error:
        raise Missing(
            f"the Hub has made no copy in Parquet of {info.id}, or not yet, so it cannot be read: take another one"
        ) from error
    revision = copy.sha or BRANCH
    paths = await _paths(info.id, config, revision)
    for folder, partial in ((split, False), (f"{PARTIAL}{split}", True)):
        if files := sorted(path for path in paths if path.startswith(f"{config}/{folder}/")):
            return Copy(info, revision, tuple(files), partial)
    there = sorted({path.split("/")[1].removeprefix(PARTIAL) for path in paths if path.count("/") > 1})
    known = f"only {', '.join(there[:20])}" if there else "nor the configuration"
    raise Missing(f"{info.id} {config} has no split {split!r}, {known}: see inspect_dataset")


async def _paths(name: str, config: str, revision: str) -> list[str]:
    """The Parquet files of a configuration; none where there is no such configuration."""
    try:
        entries = await repository.ask(
            lambda api: list(
                itertools.islice(
                    api.list_repo_tree(name, config, recursive=True, revision=revision, repo_type="dataset"), MOST_FILES
                )
            ),
            name,
            "dataset",
        )
    except Missing:
        return []
    return [entry.path for entry in entries if entry.path.endswith(".parquet")]


async def read(
    copy: Copy, columns: dict[str, str], *, label_names: bool, start: int, most: int, folder: Path
) -> tuple[Read, bytes]:
    """What was read, and the rows as JSONL. `columns`: name in a row → the dataset's; `folder`: where they are put
    meanwhile. Raises `ToolFault`."""
    await asyncio.to_thread(folder.mkdir, parents=True, exist_ok=True)
    path = folder / f".reading-{secrets.token_hex(8)}.jsonl"
    wanted = Wanted(
        endpoint=HUB.base,
        dataset=copy.dataset.id,
        revision=copy.revision,
        files=copy.files,
        token=hub_token() if copy.dataset.gated else None,
        columns=columns,
        label_names=label_names,
        start=start,
        most=most,
        to=str(path),
    )
    try:
        done = await _asked(wanted)
        _check(done, copy)
        return done, await asyncio.to_thread(path.read_bytes)
    finally:
        path.unlink(missing_ok=True)


def _check(done: Read, copy: Copy) -> None:
    """Raises `ToolFault` for what was not read."""
    name = copy.dataset.id
    if done.failed == "busy":
        raise ToolFault(f"the Hugging Face Hub answers {done.told} {TRIES} times: try later. {INSTEAD}")
    if done.failed == "gated":
        raise repository.gated(name, "dataset", True)
    if done.failed == "unreachable":
        raise Unreachable(f"the Hugging Face Hub cannot be reached ({done.told}). {INSTEAD}")
    if done.failed == "missing":
        raise ToolFault(f"rows cannot be read here without the package {done.told}: pip install 'postdocs[train]'")
    if done.failed == "columns":
        raise ToolFault(f"{name}: {done.told}")
    if done.failed:
        raise ToolFault(f"the copy of {name} cannot be read ({done.told}): take another one")


async def _asked(wanted: Wanted) -> Read:
    """By a process of its own, which ends with the tool that asked."""
    passed = (*PASSED, *PROXIES, *map(str.lower, PROXIES))
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tools.hub.parquet_child"),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
        env={name: os.environ[name] for name in passed if name in os.environ} | {"PYTHONPATH": str(ROOT)},
        cwd="/",
    )
    try:
        async with asyncio.timeout(SECONDS):
            said, _ = await process.communicate(wanted.model_dump_json().encode())
    except TimeoutError as error:
        raise ToolFault(f"{wanted.dataset} could not be read within {SECONDS:.0f} s: ask for fewer rows") from error
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    try:
        return Read.model_validate_json(said)
    except ValidationError:
        return Read(failed="damaged", told=f"status {process.returncode}")
