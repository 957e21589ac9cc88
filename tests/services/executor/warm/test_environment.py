"""Environments of jobs with requirements: built once, from wheels, over the executor's packages. No network is used."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import os
import subprocess
import zipfile
from pathlib import Path

import pytest
from executor_harness import BARE, CrewRun, WorkerProcess

from protocol.job import JobFailed, JobLog, JobStarted
from services.bus_server import Connection
from services.executor.warm.environment import BadRequirements, Environments, key


def write_wheel(folder: Path, name: str, version: str, *, more: dict[str, str] | None = None) -> None:
    """A wheel with one module that knows its version (PEP 427)."""
    info = f"{name}-{version}.dist-info"
    files = {
        f"{name}.py": f"VERSION = {version!r}\n",
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    } | (more or {})
    lines = []
    for path, text in files.items():
        digest = base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).rstrip(b"=").decode()
        lines.append(f"{path},sha256={digest},{len(text.encode())}")
    files[f"{info}/RECORD"] = "\n".join([*lines, f"{info}/RECORD,,", ""])
    folder.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(folder / f"{name}-{version}-py3-none-any.whl", "w") as wheel:
        for path, text in files.items():
            wheel.writestr(path, text)


@pytest.fixture(scope="module")
def wheels(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheels")
    for version in ("1.0", "2.0"):
        write_wheel(folder, "tinypackage", version)
    evil = {"evil.pth": "import os; open(os.environ.get('EVIL', '/dev/null'), 'w').write('ran')\n"}
    write_wheel(folder, "evilpackage", "1.0", more=evil)
    return folder


def offline(wheels: Path) -> dict[str, str]:
    """pip takes what is in this folder and looks nowhere else."""
    settings = {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(wheels), "PIP_CONFIG_FILE": os.devnull}
    return {name: value for name, value in os.environ.items() if not name.startswith("PIP_")} | settings


def seen(python: Path, code: str) -> str:
    return subprocess.run([python, "-c", code], cwd="/", capture_output=True, text=True, check=True).stdout.strip()


async def test_each_set_of_requirements_has_its_environment_over_the_executors(wheels: Path, tmp_path: Path) -> None:
    environments = Environments(tmp_path, offline(wheels))
    one, two = await asyncio.gather(*(environments.python((f"tinypackage=={n}.0",)) for n in (1, 2)))
    assert [seen(python, "import tinypackage; print(tinypackage.VERSION)") for python in (one, two)] == ["1.0", "2.0"]
    told = seen(one, "import services, pydantic, sys; print(sys.prefix, services.__file__, pydantic.__file__)").split()
    import pydantic

    import services

    assert told == [str(one.parents[1]), str(services.__file__), str(pydantic.__file__)]
    assert not list(one.parents[2].glob(".*.building"))


async def test_an_environment_is_built_once_by_whoever_comes_first(wheels: Path, tmp_path: Path) -> None:
    first, second = Environments(tmp_path, offline(wheels)), Environments(tmp_path, offline(wheels))
    paths = await asyncio.gather(*(one.python(("tinypackage==1.0",)) for one in (first, second, first)))
    assert len(set(paths)) == 1
    made = paths[0].parents[1].stat().st_mtime_ns
    assert await Environments(tmp_path, {}).python(("tinypackage==1.0",)) == paths[0], "it is there, pip is not asked"
    assert paths[0].parents[1].stat().st_mtime_ns == made


def test_the_order_of_requirements_makes_no_other_environment() -> None:
    assert key(("a==1", "b==2")) == key(("b==2", "a==1", "a==1")) != key(("a==1",))


async def test_what_cannot_be_installed_is_told_in_pips_words(wheels: Path, tmp_path: Path) -> None:
    with pytest.raises(BadRequirements, match=r"tinypackage==9\.0") as failed:
        await Environments(tmp_path, offline(wheels)).python(("tinypackage==9.0",))
    assert any("No matching distribution" in line for line in failed.value.lines)
    assert [path.name for path in (tmp_path / "environments").iterdir() if path.is_dir()] == []


@pytest.mark.parametrize(
    "requirement", ["-r /etc/passwd", "--pre", "git+https://x/y", "a @ file:///b.whl", "./a", "a\n-r b", ""]
)
async def test_what_is_no_plain_requirement_is_refused_before_pip_sees_it(requirement: str, tmp_path: Path) -> None:
    with pytest.raises(BadRequirements, match="is not a name with versions"):
        await Environments(tmp_path, {}).python((requirement,))
    assert not (tmp_path / "environments").exists()


async def test_no_code_of_a_package_runs_when_its_environment_is_made(wheels: Path, tmp_path: Path) -> None:
    ran = tmp_path / "ran"
    environment = offline(wheels) | {"PIP_EVIL": "1", "EVIL": str(ran)}
    python = await Environments(tmp_path, environment).python(("evilpackage",))
    assert not ran.exists()
    await (await asyncio.create_subprocess_exec(python, "-c", "pass", env={"EVIL": str(ran)})).wait()
    assert ran.read_text() == "ran", "the package is as evil as it is meant to be"


async def test_a_job_runs_in_the_environment_that_it_asks_for(
    run: CrewRun, own_server: Connection, wheels: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in offline(wheels).items():
        monkeypatch.setenv(name, value)
    worker = WorkerProcess(own_server, "own", "--cache", str(tmp_path / "cache"), *BARE, queue="own")
    try:
        script = "import tinypackage, numpy, sys\nprint('SEEN', tinypackage.VERSION, sys.prefix)"
        good = await run.submit("a.py", id="good", queue="own", script=script, requirements=("tinypackage==2.0",))
        bad = await run.submit("a.py", id="bad", queue="own", script=script, requirements=("tinypackage==9.0",))
        end = await run.end(bad, seconds=90)
        assert isinstance(end, JobFailed) and end.cause.category == "import_error"
        assert any("No matching distribution" in line for line in end.evidence)
        assert await run.events(bad, JobStarted) == []
        await run.end(good, seconds=90)
        (line,) = [x for e in await run.events(good, JobLog) for x in e.lines if x.startswith("SEEN")]
        assert line.split()[1] == "2.0" and str(tmp_path / "cache") in line
    finally:
        worker.stop()
