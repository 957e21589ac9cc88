"""What the tests of the sandbox are written with: a script in a sandbox, entered by root or by an ordinary user."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from protocol.job import Job, JobSpec

REPOSITORY = Path(__file__).parents[4]
ORDINARY = 4321
"""An id that nobody has."""
_ENTER = """
import json, os, runpy, signal, sys
from services.executor.inventory.machine import Grant
from services.executor.sandbox import identity
from services.executor.sandbox.enter import enter
from services.executor.sandbox.plan import plan
from protocol.job import Job
asked = json.loads(sys.argv[1])
wanted, grant = Job.model_validate(asked["job"]), Grant.model_validate(asked["grant"])
made = plan(wanted, grant, egress=asked["egress"], tier=asked["tier"])
from pathlib import Path
identity.hand_over(Path(made.folder), made.uid, made.gid)
exec(asked["before"])
enter(made, hold=tuple(globals().get("hold", ())))
runpy.run_path("script.py", run_name="__main__")
sys.stdout.flush()
"""
_AS_ORDINARY = """
set -e
{shown}
exec setpriv --reuid {user} --regid {user} --clear-groups --inh-caps=-all "$@"
"""


def job(folder: Path, script: str = "", **spec: Any) -> Job:
    made = JobSpec(files={}, argv=("script.py",), **({"seconds": 60.0} | spec))
    (folder / "script.py").write_text(script)
    return Job(id="cell", run="cells", experiment="cell", folder=str(folder), spec=made)


@dataclass(frozen=True)
class Warden:
    """Starts scripts in sandboxes, as this user or as another."""

    folder: Path
    """Where jobs may have their folders; the user's own."""
    ordinary: bool
    tier: str = "namespaces"

    def job_folder(self, name: str = "job") -> Path:
        folder = self.folder / "jobs" / name
        folder.mkdir(parents=True, exist_ok=True)
        self.give(folder.parent)
        self.give(folder)
        return folder

    def give(self, path: Path) -> None:
        """To the user that sandboxes are entered by."""
        if self.ordinary and os.geteuid() == 0:
            os.chown(path, ORDINARY, ORDINARY)

    def start(
        self,
        script: str,
        *,
        grant: dict[str, Any] | None = None,
        egress: str | None = None,
        before: str = "",
        folder: Path | None = None,
        environment: dict[str, str] | None = None,
        **spec: Any,
    ) -> subprocess.Popen[str]:
        made = job(folder or self.job_folder(), script, **spec)
        asked = {
            "job": made.model_dump(mode="json"),
            "grant": grant or {},
            "egress": egress,
            "before": before,
            "tier": self.tier,
        }
        argv = [sys.executable, "-c", _ENTER, json.dumps(asked)]
        return subprocess.Popen(
            [*self._become(), *argv],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=REPOSITORY,
            env=os.environ | (environment or {}),
        )

    def run(self, script: str, **more: Any) -> subprocess.CompletedProcess[str]:
        process = self.start(script, **more)
        try:
            out, err = process.communicate(timeout=240)
        finally:
            process.kill()
        return subprocess.CompletedProcess(process.args, process.returncode, out, err)

    def told(self, script: str, **more: Any) -> Any:
        """What the script prints as JSON."""
        done = self.run(script, **more)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    def python(self, code: str, *argv: str) -> str:
        """What a program prints that the user runs outside."""
        command = [*self._become(), sys.executable, "-c", code, *argv]
        return subprocess.run(command, stdout=subprocess.PIPE, text=True, cwd=REPOSITORY, check=True, timeout=60).stdout

    def _become(self) -> list[str]:
        """Root becomes an ordinary user, to whom Python is shown where it lies in a folder of root's own."""
        if not self.ordinary or os.geteuid() != 0:
            return []
        shown = []
        needed = {Path(sys.prefix), Path(sys.base_prefix), REPOSITORY}
        for private in {parent for path in needed for parent in path.parents if not parent.stat().st_mode & 1}:
            below = [path for path in needed if path.is_relative_to(private)]
            keep = "$(mktemp -d)"
            shown += [f"keep={keep}"]
            for number, path in enumerate(below):
                shown += [f"mkdir $keep/{number}", f"mount --bind {shlex.quote(str(path))} $keep/{number}"]
            shown += [f"mount -t tmpfs -o mode=755 tmpfs {shlex.quote(str(private))}"]
            for number, path in enumerate(below):
                shown += [f"mkdir -p {shlex.quote(str(path))}", f"mount --bind $keep/{number} {shlex.quote(str(path))}"]
        text = _AS_ORDINARY.format(shown="\n".join(shown), user=ORDINARY)
        return ["unshare", "--mount", "sh", "-c", text, "sh"]


def made(place: Path, *, ordinary: bool, needed: bool = False) -> Warden:
    """`needed`: an ordinary user is what we are, or become."""
    if ordinary and not needed and os.geteuid() != 0:
        pytest.skip("that is what we are")
    if ordinary and os.geteuid() == 0:
        os.chown(place, ORDINARY, ORDINARY)
    return Warden(place, ordinary)
