"""Processes that enter a sandbox for real, as this user and as an ordinary one."""

from __future__ import annotations

import contextlib
import fcntl
import json
import platform
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from cell import REPOSITORY, Warden

from services.executor.sandbox.enter import KILL
from services.executor.sandbox.identity import job_of

LOOK = """
import json, os
status = dict(line.split(":\\t", 1) for line in open("/proc/self/status").read().splitlines())
print(json.dumps({
    "root": sorted(os.listdir("/")), "pid": os.getpid(), "cwd": os.getcwd(), "uid": os.getuid(),
    "processes": sorted(int(name) for name in os.listdir("/proc") if name.isdigit()),
    "interfaces": os.listdir("/sys/class/net") if os.path.exists("/sys/class/net") else None,
    "capabilities": [status[name] for name in ("CapEff", "CapPrm", "CapBnd", "CapAmb", "CapInh")],
    "no_new_privs": status["NoNewPrivs"], "seccomp": status["Seccomp"],
    "descriptors": sorted(os.listdir("/proc/self/fd")), "devices": sorted(os.listdir("/dev")),
    "environment": dict(os.environ),
}))
"""


@contextlib.contextmanager
def running(process: subprocess.Popen[str], folder: Path) -> Iterator[subprocess.Popen[str]]:
    """As long as its script, which has made `ready`, is at it."""
    try:
        deadline = time.monotonic() + 60
        while not (folder / "ready").exists():
            assert process.poll() is None and time.monotonic() < deadline, process.communicate()
            time.sleep(0.02)
        yield process
    finally:
        process.kill()
        process.communicate()


def test_a_job_sees_itself_and_what_it_needs(warden: Warden) -> None:
    seen = warden.told(LOOK, environment={"POSTDOCS_BUS_TOKEN": "secret", "HF_TOKEN": "secret", "AWS_X": "secret"})
    assert set(seen["root"]) >= {"dev", "etc", "proc", "sandbox", "tmp", "usr"}
    assert not {"home", "var", "srv", "boot", "opt"} & set(seen["root"])
    assert seen["pid"] == 2 and seen["processes"] == [1, 2]
    assert seen["cwd"] == str(warden.job_folder())
    assert seen["uid"] != 0
    assert set(seen["capabilities"]) == {"0" * 16}
    assert (seen["no_new_privs"], seen["seccomp"]) == ("1", "2")
    assert len(seen["descriptors"]) == 4, "standard input, output, error, and that of the listing"
    assert not any(name.startswith(("nvidia", "pts", "ptmx", "mem", "sd", "vd")) for name in seen["devices"])
    assert "secret" not in str(seen["environment"])
    assert seen["environment"]["HOME"] == "/sandbox/home" and seen["environment"]["HF_HUB_OFFLINE"] == "1"


def test_it_writes_its_folder_and_what_is_in_there(warden: Warden) -> None:
    script = """
import json, os, tempfile
from pathlib import Path
places = [".", os.environ["HOME"], tempfile.gettempdir(), "/dev/shm", os.environ["HF_HUB_CACHE"]]
for place in places: Path(place, "mine").write_text("x")
refused = []
for place in ["/", "/usr", "/etc", "/proc/sys/kernel", "/dev", "/sandbox", *json.loads(Path("others").read_text())]:
    try: Path(place, "mine").write_text("x")
    except OSError as error: refused.append(place)
print(json.dumps(refused))
"""
    folder = warden.job_folder()
    home, around = [str(Path.home()), str(REPOSITORY)], [str(folder.parent), str(warden.folder)]
    (folder / "others").write_text(json.dumps([*home, *around]))
    refused = warden.told(script)
    assert {"/", "/usr", "/etc", "/proc/sys/kernel", "/dev", "/sandbox", *home} <= set(refused)
    assert not any(Path(place, "mine").exists() for place in around), "what it sees there is its own /tmp"
    assert (folder / "mine").read_text() == "x"
    assert len(list(folder.rglob("mine"))) >= 4, "home, /tmp and the Hub's cache lie in it; /dev/shm does not"


def test_it_reads_what_it_was_given(warden: Warden) -> None:
    model = warden.folder / "models" / "tiny"
    model.mkdir(parents=True)
    (model / "config.json").write_text("{}")
    (warden.folder / "models" / "other").write_text("not for it")
    (warden.folder / "link").symlink_to("models/tiny")
    script = f"""
import json, os
from pathlib import Path
model = Path({str(model)!r})
try: (model / "new").write_text("x"); written = True
except OSError: written = False
print(json.dumps([
    (model / "config.json").read_text(), Path({str(warden.folder / "link")!r}, "config.json").read_text(),
    os.listdir(model.parent), written,
]))
"""
    reads = (str(model), str(warden.folder / "link"))
    assert warden.told(script, reads=reads) == ["{}", "{}", ["tiny"], False]


def test_a_file_can_be_given_too(warden: Warden) -> None:
    rows = warden.folder / "data" / "rows.jsonl"
    rows.parent.mkdir()
    rows.write_text("{}\n")
    (rows.parent / "test.jsonl").write_text("sealed")
    script = f"import json, os; print(json.dumps([open({str(rows)!r}).read(), os.listdir({str(rows.parent)!r})]))"
    assert warden.told(script, reads=(str(rows),)) == ["{}\n", ["rows.jsonl"]]


def test_a_link_that_appears_after_the_plan_was_made_is_not_followed(either: Warden) -> None:
    model, secret = either.folder / "model", either.folder / "secret"
    for path in (model, secret):
        path.mkdir()
    exchange = (
        f"import os; os.rename({str(model)!r}, {str(model)!r} + '.old'); os.symlink({str(secret)!r}, {str(model)!r})"
    )
    done = either.run("print('it ran')", reads=(str(model),), before=exchange)
    assert done.returncode == 125 and done.stdout == ""
    assert "has become a link" in done.stderr


@pytest.mark.parametrize(
    ("script", "code"),
    [
        ("pass", 0),
        ("import os; os._exit(7)", 7),
        ("import os, signal; os.kill(os.getpid(), signal.SIGSEGV)", -signal.SIGSEGV),
        ("import os, signal; os.kill(os.getpid(), signal.SIGKILL)", -signal.SIGKILL),
        ("import os; os.abort()", -signal.SIGABRT),
    ],
)
def test_it_ends_as_the_job_ended(script: str, code: int, either: Warden) -> None:
    assert either.run(script).returncode == code


def test_a_job_that_ends_before_its_keeper_listens_is_heard_of(either: Warden) -> None:
    late = """
import time
from services.executor.sandbox import keeper
listens = keeper.default_signals
keeper.default_signals = lambda: (time.sleep(0.5), listens())
"""
    script = "import os; os._exit(7)"
    process = either.start(script, before=late)
    try:
        assert process.wait(timeout=30) == 7
    finally:
        process.kill()


def test_a_signal_for_saving_comes_to_the_job_alone_and_one_for_ending_to_its_group(either: Warden) -> None:
    script = """
import os, signal, subprocess, sys, time
heard = []
signal.signal(signal.SIGUSR1, lambda *_: open("saved", "w").close())
child = subprocess.Popen(["sleep", "300"])
open("ready", "w").close()
def end(*_):
    child.wait()
    open("ended", "w").write(str(child.returncode))
    os._exit(0)
signal.signal(signal.SIGTERM, end)
while True: time.sleep(0.01)
"""
    folder = either.job_folder()
    with running(either.start(script), folder) as process:
        process.send_signal(signal.SIGUSR1)
        wait_for(folder / "saved")
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 0
        assert (folder / "ended").read_text() == str(-signal.SIGTERM), "its own SIGUSR1 would have come first"


def test_a_kill_takes_all_of_it(either: Warden) -> None:
    folder = either.job_folder()
    with running(either.start(BROOD), folder) as process:
        assert job_of(process.pid) != process.pid
        brood = everything_in(process.pid)
        assert len(brood) >= 5
        process.send_signal(KILL)
        assert process.wait(20) == -signal.SIGKILL
        assert [p for p in brood if p.is_running()] == [], "it ends when all of it has"


def test_nothing_outlives_the_job(either: Warden) -> None:
    folder = either.job_folder()
    with running(either.start(BROOD + "\nwait_for_go()"), folder) as process:
        brood = everything_in(process.pid)
        (folder / "go").touch()
        assert process.wait(20) == 0
        assert [p for p in brood if p.is_running()] == []


def test_when_the_keeper_is_killed_all_of_it_goes(either: Warden) -> None:
    folder = either.job_folder()
    with running(either.start(BROOD), folder) as process:
        brood = everything_in(process.pid)
        process.kill()
        assert psutil.wait_procs(brood, timeout=20)[1] == []


def test_a_lock_is_held_by_what_is_ours_until_the_last_process_is_gone(warden: Warden) -> None:
    folder, lock = warden.job_folder(), warden.folder / "lock"
    lock.touch()
    warden.give(lock)
    hold = f"import fcntl; lock = open({str(lock)!r}, 'w'); fcntl.flock(lock, fcntl.LOCK_EX); hold = (lock.fileno(),)"
    with running(warden.start(BROOD, before=hold), folder) as process:
        assert is_locked(lock)
        brood = everything_in(process.pid)
        opened = Path(f"/proc/{job_of(process.pid)}/fd").iterdir()
        assert not any(path.samefile(lock) for path in opened if path.exists()), "the job could let go of it"
        process.kill()
        psutil.wait_procs(brood, timeout=20)
        assert not is_locked(lock)


def test_its_network_is_a_loopback_of_its_own(warden: Warden) -> None:
    script = """
import json, socket
server = socket.create_server(("127.0.0.1", 0))
socket.create_connection(server.getsockname()).close()
names = [name for _, name in socket.if_nameindex()]
try: socket.create_connection(("192.0.2.1", 80), timeout=5); reached = True
except OSError: reached = False
print(json.dumps([names, reached, socket.gethostbyname(socket.gethostname())]))
"""
    assert warden.told(script) == [["lo"], False, "127.0.0.1"]


def test_its_folder_goes_by_the_name_that_it_was_given(either: Warden) -> None:
    real = either.job_folder()
    (either.folder / "runs").symlink_to("jobs")
    named = either.folder / "runs" / real.name
    script = f"import json, os; print(json.dumps([os.getcwd(), os.path.samefile('.', {str(named)!r})]))"
    assert either.told(script, folder=named) == [str(real), True]


def test_a_folder_of_another_attempt_is_taken_over(either: Warden) -> None:
    """Whatever it has left where the next one's home is to be."""
    folder = either.job_folder()
    assert either.told("import os; os.symlink('/etc', 'link'); print(1)") == 1
    assert either.told("import os; os.rename('.scratch', 'kept'); os.symlink('/', '.scratch'); print(2)") == 2
    assert either.told("open('again', 'w').close(); print(3)") == 3
    assert (folder / "again").exists() and not (folder / ".scratch").is_symlink()


BROOD = """
import os, subprocess, time
subprocess.Popen(["sleep", "300"])
subprocess.Popen(["sleep", "300"], start_new_session=True)
subprocess.run(["sh", "-c", "setsid setsid sleep 300 & setsid sh -c 'trap \\"\\" TERM HUP INT; sleep 300' &"])
time.sleep(0.3)
open("ready", "w").close()
def wait_for_go():
    while not os.path.exists("go"): time.sleep(0.01)
    os._exit(0)
if "wait_for_go()" not in open("script.py").read().replace("def wait_for_go()", ""):
    time.sleep(300)
"""


def everything_in(keeper: int) -> list[psutil.Process]:
    return psutil.Process(keeper).children(recursive=True)


def is_locked(path: Path) -> bool:
    with path.open() as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        return False


def wait_for(path: Path) -> None:
    deadline = time.monotonic() + 20
    while not path.exists():
        assert time.monotonic() < deadline, f"no {path}"
        time.sleep(0.01)


@pytest.mark.skipif(platform.machine() != "x86_64", reason="numbers of x86_64")
def test_a_child_that_a_job_makes_the_keepers_does_not_hold_it_up(either: Warden) -> None:
    """CLONE_PARENT, by a process to which the filter of system calls was never applied."""
    script = """
import ctypes, os
CLONE, CLONE_PARENT, SIGCHLD = 56, 0x8000, 17
for n in range(3):
    if ctypes.CDLL(None).syscall(CLONE, CLONE_PARENT | SIGCHLD, 0, 0, 0, 0) == 0:
        os._exit(0) if n == 0 else __import__("time").sleep(300)
os._exit(5)
"""
    unfiltered = "from services.executor.sandbox import seccomp; seccomp.install = lambda **_: None"
    assert either.run(script, before=unfiltered).returncode == 5
