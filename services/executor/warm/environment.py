"""Environments of jobs that have requirements of their own: a venv over the executor's packages, cached by hash.

Such a job is started cold, by its environment's Python: transformers and TRL find out at import which packages there
are, so that a fork of a zygote would never see them; and a package may run code at any start of Python (`.pth`), which
only the job's sandbox may do. Nothing of a package is run here: pip unpacks wheels, and builds nothing from source.
"""

from __future__ import annotations

import asyncio
import fcntl
import hashlib
import json
import os
import shutil
import signal
import sys
import sysconfig
import venv
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib import metadata
from pathlib import Path

from packaging.requirements import InvalidRequirement, Requirement

from services.child import die_with_parent

BASE = ("torch", "transformers", "trl", "datasets", "peft", "accelerate")
"""Packages of the executor that an environment is built over: with other versions of these it is another one."""
CACHE = Path("~/.cache/postdocs").expanduser()
BUILD_SECONDS = 1800.0
"""Wheels of gigabytes come over slow lines; the job's own time does not run meanwhile."""
LINES = 12
"""Of what pip said last."""
PASSED_ON = ("PATH", "HOME", "LANG", "TMPDIR", "SSL_CERT_FILE", "REQUESTS_CA_BUNDLE")
"""To pip, beside its own settings (PIP_…) and the proxies'."""


class BadRequirements(Exception):
    """A job's requirements cannot be installed; `lines` are pip's last."""

    def __init__(self, requirements: Sequence[str], lines: Sequence[str]) -> None:
        self.requirements, self.lines = tuple(requirements), tuple(lines)
        super().__init__(f"pip cannot install {', '.join(requirements)}: {lines[-1] if lines else 'it said nothing'}")


class Environments:
    """The folder of environments. Shared by all workers of a machine; each is built once."""

    def __init__(self, cache: Path, environment: Mapping[str, str] = os.environ) -> None:
        self._folder = cache / "environments"
        self._environment = {
            name: value
            for name, value in environment.items()
            if name in PASSED_ON or name.startswith("PIP_") or name.lower().endswith("_proxy")
        }

    def folder(self, requirements: Sequence[str]) -> Path:
        """Where the environment of these requirements is, or will be."""
        return self._folder / key(requirements)

    async def python(self, requirements: Sequence[str]) -> Path:
        """The Python of an environment with these, built if need be. Raises `BadRequirements`, `OSError`."""
        folder = self.folder(requirements)
        python = folder / "bin" / "python"
        if not python.exists():
            for requirement in requirements:
                _check(requirement, requirements)
            await self._build(folder, requirements)
        return python

    async def _build(self, folder: Path, requirements: Sequence[str]) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        with _open_lock(folder.with_name(f".{folder.name}.lock")) as lock:
            while not _locked(lock):  # noqa: ASYNC110, another worker builds the same: nobody sets an event
                await asyncio.sleep(0.2)
            if folder.exists():
                return
            made = folder.with_name(f".{folder.name}.building")
            try:
                await asyncio.to_thread(_make_venv, made)
                await self._install(made, requirements)
                await asyncio.to_thread(_relocate, made, folder)
                made.rename(folder)  # only now is it there for others
            finally:
                shutil.rmtree(made, ignore_errors=True)

    async def _install(self, folder: Path, requirements: Sequence[str]) -> None:
        """By the executor's pip, told of the other Python; what the executor has already is not installed again."""
        arguments = ["install", "--only-binary", ":all:", "--no-input", "--disable-pip-version-check", "--no-compile"]
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "pip", "--python", str(folder / "bin" / "python"), *arguments, "--", *requirements),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            env=self._environment,
            start_new_session=True,
            preexec_fn=die_with_parent(),
        )
        try:
            said, _ = await asyncio.wait_for(process.communicate(), BUILD_SECONDS)
        except TimeoutError:
            raise BadRequirements(requirements, (f"pip was not done after {BUILD_SECONDS:.0f} s",)) from None
        finally:
            if process.returncode is None:
                os.killpg(process.pid, signal.SIGKILL)
        if process.returncode != 0:
            lines = [line.rstrip() for line in said.decode(errors="replace").splitlines() if line.strip()]
            raise BadRequirements(requirements, lines[-LINES:])


def _check(requirement: str, requirements: Sequence[str]) -> None:
    """A name with versions only: of an option, a path or a URL pip would build, and so run, what it found there."""
    try:
        strange = Requirement(requirement).url is not None
    except InvalidRequirement:
        strange = True
    if strange:
        raise BadRequirements(requirements, (f"{requirement!r} is not a name with versions, as torchao==0.13 is",))


def key(requirements: Sequence[str]) -> str:
    """Names an environment: what it has is a matter of the requirements, this Python and the packages below."""
    versions = {name: _version(name) for name in BASE}
    about = {"requirements": sorted(set(requirements)), "python": sys.version, "prefix": sys.prefix, "base": versions}
    return hashlib.sha256(json.dumps(about, sort_keys=True).encode()).hexdigest()[:20]


def _version(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def _make_venv(folder: Path) -> None:
    """Its own packages come first, then the executor's, with what their `.pth` files add (an editable install)."""
    shutil.rmtree(folder, ignore_errors=True)  # left by a crash
    venv.create(folder, with_pip=False, symlinks=True)
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    below = json.dumps(sysconfig.get_path("purelib"))
    (folder / "lib" / version / "site-packages" / "executor.pth").write_text(f"import site; site.addsitedir({below})\n")


def _relocate(made: Path, folder: Path) -> None:
    """Scripts of packages name the Python that they were installed for by its path."""
    for script in (made / "bin").iterdir():
        if script.is_file() and not script.is_symlink():
            text = script.read_bytes()
            if text.startswith(b"#!"):
                script.write_bytes(text.replace(bytes(made), bytes(folder)))


@contextmanager
def _open_lock(path: Path) -> Iterator[int]:
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def _locked(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
