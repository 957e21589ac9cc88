"""The sandbox of machines without namespaces: what a job in it can do, and cannot."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import psutil
import pytest
from cell import REPOSITORY, Warden, job, made
from test_sandbox_enter import BROOD, running

from services.executor.files.folder import BadJobFolder
from services.executor.inventory.machine import Grant
from services.executor.sandbox import check, relocate, ruleset
from services.executor.sandbox.identity import job_of
from services.executor.sandbox.plan import plan

TRY = """
import ctypes, errno, json, os, resource, signal, socket, sys
libc = ctypes.CDLL(None, use_errno=True)
def tried(work):
    try: found = work()
    except OSError as error: return errno.errorcode[error.errno]
    return found if isinstance(found, (int, str, list)) else "done"
"""


@pytest.fixture
def warden(place: Path) -> Warden:
    try:
        found = ruleset.version()
    except OSError as error:
        pytest.skip(str(error))
    if found < ruleset.ABI:
        pytest.skip(f"Landlock's ABI is {found}")
    return replace(made(place, ordinary=True, needed=True), tier="landlock")


def told(warden: Warden, tries: dict[str, str], **more: object) -> dict[str, object]:
    """What came of each of these expressions."""
    asked = ", ".join(f"{name!r}: tried(lambda: {code})" for name, code in tries.items())
    found = warden.told(f"{TRY}\nprint(json.dumps({{{asked}}}))", **more)
    assert isinstance(found, dict)
    return found


def test_it_opens_what_it_was_given_and_nothing_else(warden: Warden) -> None:
    model, other = warden.folder / "models" / "tiny", warden.folder / "models" / "other"
    for path in (model, other):
        path.mkdir(parents=True)
        (path / "config.json").write_text("{}")
    (model / "out").symlink_to(other / "config.json")
    neighbour = warden.job_folder("neighbour")
    (neighbour / "secret").write_text("secret")
    for path in (neighbour / "secret", model / "config.json"):
        warden.give(path)
    seen = told(
        warden,
        {
            "model": f"open({str(model / 'config.json')!r}).read()",
            "list": f"os.listdir({str(model)!r})",
            "written": f"open({str(model / 'config.json')!r}, 'r+')",
            "truncated": f"os.truncate({str(model / 'config.json')!r}, 0)",
            "linked": f"os.link({str(model / 'config.json')!r}, 'mine')",
            "through a link": f"open({str(model / 'out')!r}).read()",
            "other": f"open({str(other / 'config.json')!r}).read()",
            "neighbour": f"open({str(neighbour / 'secret')!r}).read()",
            "above": f"os.listdir({str(model.parent)!r})",
            "machine": "os.listdir('/')",
            "accounts": "open('/etc/passwd').read()",
            "temporary": "os.listdir('/tmp')",
            "shared": "open('/dev/shm/x', 'w')",
            "own": "open('x', 'w').write('x')",
            "home": "open(os.path.expanduser('~/x'), 'w').write('x')",
            "own temporary": "open(os.environ['TMPDIR'] + '/x', 'w').write('x')",
            "own program": "(os.symlink('/bin/true', 'true'), os.system('./true'))[1]",
        },
        reads=(str(model),),
    )
    assert (seen["model"], sorted(seen["list"])) == ("{}", ["config.json", "out"])  # type: ignore[call-overload]
    assert {name for name, came in seen.items() if came in ("EACCES", "EXDEV", "EPERM")} == {
        *("written", "truncated", "linked", "through a link", "other", "neighbour", "above"),
        *("machine", "accounts", "temporary", "shared"),
    }
    assert (seen["own"], seen["home"], seen["own temporary"], seen["own program"]) == (1, 1, 1, 0)


def test_it_talks_to_nobody(warden: Warden) -> None:
    path = warden.folder / "socket"
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(path))
        server.listen()
        path.chmod(0o777)
        seen = told(
            warden,
            {
                "tcp": "socket.socket()",
                "udp": "socket.socket(type=socket.SOCK_DGRAM)",
                "tcp6": "socket.socket(socket.AF_INET6)",
                "netlink": "socket.socket(socket.AF_NETLINK, socket.SOCK_RAW)",
                "unix": "socket.socket(socket.AF_UNIX)",
                "pair of datagrams": "socket.socketpair(type=socket.SOCK_DGRAM)",
                "pair of others": "socket.socketpair(socket.AF_INET)",
                "away": f"socket.socketpair()[0].connect({str(path)!r})",
                "bound": "socket.socketpair()[0].bind('here')",
                "pair": "(lambda ends: ends[0].send(b'x'))(socket.socketpair())",
                "queue": "libc.mq_open(b'/mine', 0o102, 0o600, None) >= 0 or os.kill(0, 99)",
            },
        )
    assert seen.pop("pair") == 1
    assert seen.pop("queue") == "EINVAL", "no queue, so that the signal was tried"
    assert set(seen.values()) == {"EPERM"}


def test_it_does_nothing_to_others_of_its_user(warden: Warden) -> None:
    warden.job_folder()
    other = subprocess.Popen([*warden._become(), "sleep", "300"])
    try:
        deadline = time.monotonic() + 30
        while psutil.Process(other.pid).name() != "sleep":
            assert time.monotonic() < deadline
            time.sleep(0.02)
        victim, before = other.pid, psutil.Process(other.pid).nice()
        seen = told(
            warden,
            {
                "signal": f"os.kill({victim}, 0)",
                "signal to init": "os.kill(os.getppid(), signal.SIGSTOP)",
                "limit": f"resource.prlimit({victim}, resource.RLIMIT_CPU, (1, 1))",
                "priority": f"os.setpriority(os.PRIO_PROCESS, {victim}, 19)",
                "priority of all": "os.setpriority(os.PRIO_USER, 0, 19)",
                "processors": f"os.sched_setaffinity({victim}, {{0}})",
                "schedule": f"os.sched_setscheduler({victim}, os.SCHED_BATCH, os.sched_param(0))",
                "environment": f"open('/proc/{victim}/environ').read()",
                "command": f"open('/proc/{victim}/cmdline').read()",
                "memory": f"open('/proc/{victim}/mem')",
                "own priority": "os.nice(1)",
            },
        )
        assert other.poll() is None and psutil.Process(victim).nice() == before
    finally:
        other.kill()
        other.wait()
    assert int(str(seen.pop("own priority"))) >= 1
    assert set(seen.values()) == {"EPERM", "EACCES"}


def test_modes_and_times_are_not_set_and_files_are_touched(warden: Warden) -> None:
    data = warden.folder / "data"
    data.write_text("x")
    warden.give(data)
    data.chmod(0o644)
    before = data.stat()
    tries = {
        "mode": f"os.chmod({str(data)!r}, 0o777)",
        "times": f"os.utime({str(data)!r}, (1, 1))",
        "touch": f"os.utime({str(data)!r})",
        "mine": "__import__('pathlib').Path('mine').touch()",
        "copy": f"__import__('shutil').copy2({str(data)!r}, 'copied')",
    }
    seen = told(warden, tries, reads=(str(data),))
    assert seen == {"mode": "done", "times": "done", "touch": "EPERM", "mine": "done", "copy": "copied"}
    after = data.stat()
    assert (after.st_mode, after.st_mtime, after.st_ctime) == (before.st_mode, before.st_mtime, before.st_ctime)
    assert (warden.job_folder() / "mine").exists() and (warden.job_folder() / "copied").read_text() == "x"


def test_what_forks_all_the_time_is_ended_too(warden: Warden) -> None:
    script = """
import os, time
for n in range(8):
    if os.fork() == 0:
        os.setsid()
        while True:
            if os.fork(): os._exit(0)
time.sleep(0.3)
open("ready", "w").close()
time.sleep(300)
"""
    with running(warden.start(script), warden.job_folder()) as process:
        process.send_signal(signal.SIGUSR2)
        assert process.wait(30) == -signal.SIGKILL
    named = [p for p in psutil.process_iter() if _is_in(p, warden.job_folder())]
    assert named == []


def _is_in(process: psutil.Process, folder: Path) -> bool:
    try:
        return process.cwd() == str(folder)
    except psutil.Error:
        return False


def test_the_job_is_found_among_the_processes(warden: Warden) -> None:
    folder = warden.job_folder()
    script = BROOD.replace("import os,", "import os; open('pid', 'w').write(str(os.getpid())); import os,")
    with running(warden.start(script), folder) as process:
        assert job_of(process.pid) == int((folder / "pid").read_text())


@pytest.mark.parametrize("more", [{"hosts": ("huggingface.co",)}, {"launch": "ddp"}])
def test_what_takes_a_network_is_refused(more: dict[str, object], warden: Warden) -> None:
    with pytest.raises(BadJobFolder, match=r"this machine's sandbox \(landlock\) has no network"):
        plan(job(warden.job_folder(), **more), Grant(), tier="landlock")


@pytest.mark.skipif(os.geteuid() != 0, reason="an ordinary user's jobs get to what that user gets to")
def test_root_is_told_where_its_jobs_cannot_get_to(place: Path) -> None:
    house = Warden(place, ordinary=False)
    model = place / "closed" / "model"
    model.mkdir(parents=True)
    (place / "closed").chmod(0o700)
    with pytest.raises(BadJobFolder, match=rf"cannot get to {model}: chmod a\+x the folders above it"):
        plan(job(house.job_folder(), reads=(str(model),)), Grant(), tier="landlock")
    model.chmod(0o700)
    with pytest.raises(BadJobFolder, match=r"chmod -R a\+rX"):
        plan(job(house.job_folder(), reads=(str(model),)), Grant(), tier="landlock")


ASK = "from services.executor.sandbox import check\nprint(check.require())"
NO_NAMESPACES = ["sh", "-c", 'echo 0 > /proc/sys/user/max_user_namespaces; exec "$@"', "sh"]


@pytest.mark.skipif(os.geteuid() != 0, reason="root takes the namespaces away")
def test_a_machine_without_namespaces_has_it(warden: Warden) -> None:
    """A user namespace of one user, in which there can be no other."""
    argv = [*warden._become(), "unshare", "--user", "--map-root-user", *NO_NAMESPACES]
    argv += ["setpriv", "--inh-caps=-all", "--bounding-set=-all", sys.executable, "-c", ASK]
    done = subprocess.run(argv, capture_output=True, text=True, cwd=REPOSITORY)
    assert done.stdout.strip() == "landlock", done.stderr


def test_a_wish_is_heeded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(check.SETTING, "chroot")
    with pytest.raises(check.BadInput, match="POSTDOCS_SANDBOX is 'chroot': it is one of namespaces, landlock"):
        check.require()
    for tier in ("namespaces", "landlock"):
        monkeypatch.setenv(check.SETTING, tier)
        monkeypatch.setattr(check, "_fault", lambda asked, wanted=tier: None if asked == wanted else "no")
        assert check.require() == tier


def test_paths_of_the_sandbox_stand_for_others() -> None:
    places = {"/sandbox/home": "/own/home", "/tmp": "/own/tmp"}
    said = {"/sandbox/home/x": "/own/home/x", "/tmp": "/own/tmp", "/tmpx": "/tmpx", "/a/tmp": "/a/tmp"}
    assert {value: relocate.moved(value, places) for value in said} == said
