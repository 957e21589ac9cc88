"""Whether this machine can sandbox jobs: found out by doing it, in a process of its own.

Called by the worker before it takes its first job, and by `postdocs doctor`. Namespaces are taken where they work, else
Landlock; `POSTDOCS_SANDBOX=namespaces` or `=landlock` asks for one and no other.
"""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import get_args

from protocol.errors import BadInput
from protocol.job import Job, JobSpec
from services.executor.inventory.machine import Grant
from services.executor.sandbox import environment, identity
from services.executor.sandbox.plan import Tier, plan

REMEDY = (
    "run it on Linux as a user that may make user namespaces, or as root with CAP_SYS_ADMIN, or on Linux 6.12 with "
    "Landlock; or start with --no-sandbox, and jobs can do all that you can"
)
_HINTS = {
    "/proc/sys/kernel/apparmor_restrict_unprivileged_userns": ("1", "sysctl -w {}=0"),
    "/proc/sys/kernel/unprivileged_userns_clone": ("0", "sysctl -w {}=1"),
    "/proc/sys/user/max_user_namespaces": ("0", "sysctl -w {}=15000"),
}
"""Settings of the kernel that forbid user namespaces, and what allows them."""
SECONDS = 30.0
SETTING = "POSTDOCS_SANDBOX"


class NoSandbox(BadInput):
    """Jobs cannot be sandboxed here."""

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__(f"jobs cannot be sandboxed on this machine ({reason}): {REMEDY}")


def require() -> Tier:
    """What sandboxes are made of here; takes half a second for each that is tried. Raises `NoSandbox`."""
    if sys.platform != "linux":
        raise NoSandbox(f"it takes Linux, this is {sys.platform}")
    reasons: dict[Tier, str] = {}
    for tier in _wanted():
        reason = _fault(tier)
        if reason is None:
            return tier
        reasons[tier] = reason
    first, *others = reasons.values()
    raise NoSandbox("; ".join([first, *(f"without namespaces: {other}" for other in others)]))


def fault() -> str | None:
    """None where a sandbox works; else why not, in words."""
    try:
        require()
    except NoSandbox as error:
        return error.reason
    return None


def _wanted() -> tuple[Tier, ...]:
    asked = os.environ.get(SETTING)
    tiers: tuple[Tier, ...] = get_args(Tier)
    if asked and asked not in tiers:
        raise BadInput(f"{SETTING} is {asked!r}: it is one of {', '.join(tiers)}, or not set")
    return tuple(tier for tier in tiers if asked in (None, "", tier))


def _fault(tier: Tier) -> str | None:
    with tempfile.TemporaryDirectory(prefix="postdocs-sandbox-") as folder:
        Path(folder).chmod(0o711)
        Path(folder, "job").mkdir()
        try:
            done = subprocess.run(
                [sys.executable, "-m", "services.executor.sandbox.check", str(Path(folder, "job")), tier],
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
    return "; ".join([said.removeprefix("sandbox: "), *(_hints() if tier == "namespaces" else ())])


def _hints() -> list[str]:
    """What may be why, with its remedy; root is not bound by it."""
    found = []
    for name, (bad, remedy) in _HINTS.items():
        path = Path(name)
        if os.geteuid() != 0 and path.exists() and path.read_text().strip() == bad:
            setting = name.removeprefix("/proc/sys/").replace("/", ".")
            found.append(f"{setting} is {bad}: {remedy.format(setting)}")
    return found


def trial(folder: Path, tier: Tier) -> None:
    """Enter a sandbox, and see that it holds: nothing of the machine but what was shown, no privilege."""
    from services.executor.sandbox.enter import enter

    before = Path("/").stat()
    job = Job(id="trial", run="trial", experiment="trial", folder=str(folder), spec=_SPEC)
    try:
        made = plan(job, Grant(), tier=tier)
    except OSError as error:
        sys.exit(error.strerror)
    identity.hand_over(folder, made.uid, made.gid)
    enter(made)
    Path("written").write_text("")
    after = Path("/").stat()
    status = dict(line.split(":\t", 1) for line in Path("/proc/self/status").read_text().splitlines())
    checks = [
        (int(status["CapEff"], 16) != 0, "capabilities are left"),
        (status["Seccomp"].strip() != "2", "there is no filter of system calls"),
        (Path(folder.parent, "job").stat().st_uid != os.getuid(), "the folder is not the job's"),
        (_can(lambda: Path("/usr/written").touch()), "/usr can be written"),
        (_can(lambda: Path("/proc", str(os.getppid()), "status").read_text()), "other processes can be seen"),
    ]
    if tier == "namespaces":
        checks += [
            ((before.st_dev, before.st_ino) == (after.st_dev, after.st_ino), "the root is still the machine's"),
            (os.getpid() != 2, "it has no process ids of its own"),
            (int(status["CapBnd"], 16) != 0, "capabilities can be gained"),
        ]
    else:
        checks += [
            (_can(lambda: list(Path("/").iterdir())), "the machine's root can be listed"),
            (_can(lambda: os.kill(os.getppid(), 0)), "others can be signalled"),
            (_can(socket.socket), "there is a network"),
            (
                not _can(lambda: Path(os.__file__).read_bytes()),
                f"user {made.uid}, as whom jobs run, cannot read Python",
            ),
        ]
    if wrong := [told for bad, told in checks if bad]:
        sys.exit(f"a trial has shown that {', and '.join(wrong)}")


def _can(work: Callable[[], object]) -> bool:
    try:
        work()
    except OSError:
        return False
    return True


_SPEC = JobSpec(files={}, argv=("trial.py",), seconds=1.0)

if __name__ == "__main__":
    tier: Tier = "landlock" if sys.argv[2] == "landlock" else "namespaces"
    trial(Path(sys.argv[1]), tier)
