"""A hostile job that goes for other processes: the worker, the zygote, another job, the machine's own."""

# ruff: noqa: PTH110, PTH116, PTH123

from __future__ import annotations

import ctypes
import os
import signal
from pathlib import Path

from probing import TARGETS, attempt, call, leaked, libc, main

VICTIMS: list[int] = TARGETS["pids"]
"""Of worker, zygote, another job and a process that has nothing to do with us; the test looks whether they live. In a
process namespace of its own the job has other processes, or none, under these numbers: their command line tells."""


def ours(pid: int) -> bool:
    """Whether `pid` is what the test means by it."""
    try:
        return (
            TARGETS["sign"] in Path(f"/proc/{pid}/cmdline").read_text()
            or "services.executor" in Path(f"/proc/{pid}/cmdline").read_text()
        )
    except OSError:
        return False


def each(work: object) -> str | None:
    for pid in VICTIMS:
        try:
            found = work(pid)  # type: ignore[operator]
        except OSError:
            continue
        if found:
            return str(found)
    return None


@attempt
def seeing_others() -> str | None:
    seen = [pid for pid in VICTIMS if ours(pid)]
    return f"sees {seen}" if seen else None


@attempt
def signals_to_worker_and_zygote() -> str | None:
    return each(lambda pid: os.kill(pid, signal.SIGCONT) or (f"signalled {pid}" if ours(pid) else None))


@attempt
def killing_others() -> None:
    """Blindly; the test sees who is left. A number that is ours in our own namespace is spared."""
    for pid in VICTIMS:
        if pid not in (os.getpid(), os.getppid()) and not Path(f"/proc/{pid}/task/{os.getppid()}").exists():
            try:
                os.kill(pid, signal.SIGKILL)
            except OSError:
                continue


@attempt
def killing_process_groups_of_others() -> None:
    for pid in VICTIMS:
        if pid != os.getpgid(0):
            try:
                os.killpg(pid, signal.SIGKILL)
            except OSError:
                continue


@attempt
def handle_of_another_process() -> str | None:
    def work(pid: int) -> str | None:
        descriptor = os.pidfd_open(pid)
        if not ours(pid):
            return None
        return f"took descriptor {call(438, descriptor, 0, 0)} of {pid}"  # pidfd_getfd

    return each(work)


@attempt
def tracing_others() -> str | None:
    def work(pid: int) -> str | None:
        call(101, 0x4206, pid, None, None)  # PTRACE_SEIZE: does not stop it
        return f"traces {pid}" if ours(pid) else None

    return each(work)


@attempt
def tracing_at_all() -> str | None:
    """Of a child of its own: ptrace is a way round filters of system calls, and no trainer needs it."""
    child = os.fork()
    if child == 0:
        signal.pause()
    try:
        call(101, 16, child, None, None)  # PTRACE_ATTACH
    finally:
        os.kill(child, signal.SIGKILL)
    return "traced a child"


@attempt
def reading_memory_of_others() -> str | None:
    room = ctypes.create_string_buffer(64)
    local = (ctypes.c_size_t * 2)(ctypes.addressof(room), 64)

    def work(pid: int) -> str | None:
        with open(f"/proc/{pid}/maps") as maps:
            begin = int(maps.readline().split("-")[0], 16)
        remote = (ctypes.c_size_t * 2)(begin, 64)
        got = call(310, pid, local, 1, remote, 1, 0)  # process_vm_readv
        return f"read {got} bytes of {pid}" if ours(pid) else None

    return each(work)


@attempt
def memory_files_of_others() -> str | None:
    return each(lambda pid: os.open(f"/proc/{pid}/mem", os.O_RDWR) and ours(pid) and f"opened the memory of {pid}")


@attempt
def memory_of_another_job() -> str | None:
    """Two jobs of one worker are forks of one zygote, under one account."""

    def work(pid: int) -> str | None:
        with open(f"/proc/{pid}/maps") as maps, open(f"/proc/{pid}/mem", "rb", buffering=0) as memory:
            for line in maps:
                if "[heap]" in line or "[stack]" in line:
                    begin, end = (int(part, 16) for part in line.split()[0].split("-"))
                    memory.seek(begin)
                    if found := leaked(memory.read(end - begin)):
                        return found
        return None

    return each(work)


@attempt
def limits_of_others() -> str | None:
    import resource

    return each(lambda pid: ours(pid) and f"limits of {pid}: {resource.prlimit(pid, resource.RLIMIT_NOFILE, (9, 9))}")


@attempt
def priorities_of_others() -> str | None:
    return each(lambda pid: ours(pid) and (os.setpriority(os.PRIO_PROCESS, pid, 19) or f"slowed {pid} down"))


@attempt
def higher_priority_than_others() -> str:
    os.setpriority(os.PRIO_PROCESS, 0, -10)
    return "raised its own priority"


@attempt
def real_time_priority() -> str:
    """One such loop a core, and nothing else runs on the machine."""
    os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(1))
    return "runs in real time"


@attempt
def freeing_itself_from_its_parent() -> str | None:
    """Without the signal at its parent's death it would outlive the zygote, unless its namespace ends with it."""
    libc.prctl(1, 0, 0, 0, 0)  # PR_SET_PDEATHSIG
    return None  # the test of what outlives a job says what came of it


@attempt
def namespaces_of_others() -> str | None:
    def work(pid: int) -> str | None:
        for name in ("mnt", "net", "pid", "user", "ipc"):
            descriptor = os.open(f"/proc/{pid}/ns/{name}", os.O_RDONLY)
            if (
                os.stat(f"/proc/self/ns/{name}").st_ino != os.fstat(descriptor).st_ino
                and libc.setns(descriptor, 0) == 0
            ):
                return f"entered the {name} namespace of {pid}"
        return None

    return each(work) or (work(1) if os.path.exists("/proc/1/ns/mnt") else None)


@attempt
def typing_into_the_terminal() -> str:
    import fcntl

    terminal = os.open("/dev/tty", os.O_RDWR)
    fcntl.ioctl(terminal, 0x5412, b"\n")  # TIOCSTI
    return "typed into the worker's terminal"


if __name__ == "__main__":
    main()
