"""Whether this machine can sandbox jobs: found out by doing it, in a process of its own.

Called by the worker before it takes its first job, and by `postdocs doctor`.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

from protocol.errors import BadInput
from protocol.job import Job, JobSpec
from services.executor.inventory.machine import Grant
from services.executor.sandbox import environment, identity

REMEDY = (
    "run it on Linux as a user that may make user namespaces, or as root with CAP_SYS_ADMIN; or start with "
    "--no-sandbox, and jobs can do all that you can"
)
_HINTS = {
    "/proc/sys/kernel/apparmor_restrict_unprivileged_userns": ("1", "sysctl -w {}=0"),
    "/proc/sys/kernel/unprivileged_userns_clone": ("0", "sysctl -w {}=1"),
    "/proc/sys/user/max_user_namespaces": ("0", "sysctl -w {}=15000"),
}
"""Settings of the kernel that forbid user namespaces, and what allows them."""
SECONDS = 30.0


class NoSandbox(BadInput):
    """Jobs cannot be sandboxed here."""

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__(f"jobs cannot be sandboxed on this machine ({reason}): {REMEDY}")


def fault() -> str | None:
    """None where a sandbox works; else why not, in words. Takes about half a second."""
    if sys.platform != "linux":
        return f"it takes Linux, this is {sys.platform}"
    with tempfile.TemporaryDirectory(prefix="postdocs-sandbox-") as folder:
        Path(folder, "job").mkdir()
        try:
            done = subprocess.run(
                [sys.executable, "-m", "services.executor.sandbox.check", str(Path(folder, "job"))],
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                timeout=SECONDS,
                env=environment.of_zygote(os.environ, sandboxed=True),
            )
        except subprocess.TimeoutExpired:
            return f"a trial did not end within {SECONDS:.0f} s"
    if done.returncode == 0:
        return None
    said = (done.stderr.strip().splitlines() or [f"a trial ended with {done.returncode}"])[-1]
    return "; ".join([said.removeprefix("sandbox: "), *_hints()])


def require() -> None:
    """Raises `NoSandbox`."""
    reason = fault()
    if reason is not None:
        raise NoSandbox(reason)


def _hints() -> list[str]:
    """What may be why, with its remedy; root is not bound by it."""
    found = []
    for name, (bad, remedy) in _HINTS.items():
        path = Path(name)
        if os.geteuid() != 0 and path.exists() and path.read_text().strip() == bad:
            setting = name.removeprefix("/proc/sys/").replace("/", ".")
            found.append(f"{setting} is {bad}: {remedy.format(setting)}")
    return found


def trial(folder: Path) -> None:
    """Enter a sandbox, and see that it holds: nothing of the machine but what was shown, no privilege."""
    from services.executor.sandbox.enter import enter
    from services.executor.sandbox.plan import plan

    before = Path("/").stat()
    try:
        made = plan(Job(id="trial", run="trial", experiment="trial", folder=str(folder), spec=_SPEC), Grant())
    except OSError as error:
        sys.exit(error.strerror)
    identity.hand_over(folder, made.uid, made.gid)
    enter(made)
    Path("written").write_text("")
    after = Path("/").stat()
    status = dict(line.split(":\t", 1) for line in Path("/proc/self/status").read_text().splitlines())
    wrong = [
        told
        for bad, told in (
            ((before.st_dev, before.st_ino) == (after.st_dev, after.st_ino), "the root is still the machine's"),
            (os.getpid() != 2, "it has no process ids of its own"),
            (int(status["CapEff"], 16) != 0 or int(status["CapBnd"], 16) != 0, "capabilities are left"),
            (status["Seccomp"].strip() != "2", "there is no filter of system calls"),
            (Path(folder.parent, "job").stat().st_uid != os.getuid(), "the folder is not the job's"),
            (os.access("/usr", os.W_OK), "/usr can be written"),
        )
        if bad
    ]
    if wrong:
        sys.exit(f"a trial has shown that {', and '.join(wrong)}")


_SPEC = JobSpec(files={}, argv=("trial.py",), seconds=1.0)

if __name__ == "__main__":
    trial(Path(sys.argv[1]))
