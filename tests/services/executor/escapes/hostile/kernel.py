"""A hostile job that asks the kernel for more than it has: namespaces, mounts, accounts, capabilities, odd calls."""

# ruff: noqa: PTH112, PTH208

from __future__ import annotations

import ctypes
import mmap
import os
import socket
import stat
import struct
import subprocess
import sys
from pathlib import Path

from probing import attempt, call, libc, main, read

NAMESPACES = {
    "user": 0x10000000,
    "mount": 0x20000,
    "pid": 0x20000000,
    "net": 0x40000000,
    "ipc": 0x8000000,
    "uts": 0x4000000,
}


def status(name: str) -> str:
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(line.split(":")[1].strip() for line in lines if line.startswith(f"{name}:"))


def refused(number: int, *arguments: object) -> str | None:
    """None when the kernel says that we may not, or knows no such call; else it went on to look at the arguments."""
    try:
        return f"system call {number} gave {call(number, *arguments)}"
    except OSError as error:
        return None if error.errno in (1, 13, 38) else f"system call {number} was considered: {error}"


@attempt
def new_namespaces() -> str | None:
    for name, flag in NAMESPACES.items():
        if libc.unshare(flag) == 0:
            return f"made a {name} namespace"
    return None


@attempt
def new_namespaces_by_clone() -> str | None:
    """The other call that makes them; a raw one, as an exploit would do it."""
    for flag in NAMESPACES.values():
        try:
            child = call(56, flag | 17, None, None, None, None)
        except OSError:
            continue
        if child == 0:
            os._exit(0)
        os.waitpid(child, 0)
        return f"clone made a namespace of {flag:#x}"
    return None


@attempt
def new_namespaces_by_clone3() -> str | None:
    arguments = struct.pack("11Q", NAMESPACES["user"], 0, 0, 0, 17, 0, 0, 0, 0, 0, 0)
    child = call(435, ctypes.c_char_p(arguments), len(arguments))
    if child == 0:
        os._exit(0)
    os.waitpid(child, 0)
    return "clone3 made a user namespace"


@attempt
def new_namespaces_by_a_program() -> str | None:
    for program in (["unshare", "-Ur", "id", "-u"], ["bwrap", "--ro-bind", "/", "/", "--unshare-user", "id", "-u"]):
        try:
            done = subprocess.run(program, capture_output=True, text=True, timeout=5)
        except OSError:
            continue
        if done.returncode == 0:
            return f"{program[0]}: {done.stdout!r}"
    return None


@attempt
def mounting() -> str | None:
    Path("mounted").mkdir(exist_ok=True)
    call(165, b"none", b"mounted", b"tmpfs", 0, None)
    return "mounted a tmpfs"


@attempt
def unmounting() -> str | None:
    for path in ("/proc", "/dev", "/tmp", str(Path.cwd())):
        try:
            call(166, path.encode(), 2)
        except OSError:
            continue
        return f"unmounted {path}"
    return None


@attempt
def mounting_by_the_new_calls() -> str | None:
    return refused(430, b"tmpfs", 0) or refused(428, -100, b"/", 1) or refused(442, -100, b"/", 0, b"\0" * 32, 32)


@attempt
def changing_the_root() -> str | None:
    Path("root").mkdir(exist_ok=True)
    try:
        os.chroot("root")
        return "chroot"
    except OSError:
        return refused(155, b"root", b"root")


@attempt
def becoming_root() -> str | None:
    for change in (
        lambda: os.setuid(0),
        lambda: os.setresuid(0, 0, 0),
        lambda: os.setgid(0),
        lambda: os.setreuid(0, 0),
    ):
        try:
            if os.getuid() != 0:
                change()
                return f"is user {os.getresuid()}, group {os.getresgid()}"
        except OSError:
            continue
    return f"is root inside, with {status('CapEff')}" if os.getuid() == 0 and int(status("CapEff"), 16) else None


@attempt
def becoming_somebody_else() -> str | None:
    for other in {1, 33, 1000, 65533} - {os.getuid()}:
        try:
            os.setresuid(other, other, other)
        except OSError:
            continue
        return f"became user {other}"
    os.setgroups([0])
    return "joined the group of root"


@attempt
def programs_that_run_as_root() -> str | None:
    """su, mount and their like; and one of our own making."""
    mine = Path("mine")
    mine.write_bytes(Path("/bin/sh").read_bytes())
    mine.chmod(0o6755)
    for program in ([str(mine.absolute()), "-pc", "id -u"], ["su", "-c", "id -u"], ["sudo", "-n", "id", "-u"]):
        try:
            done = subprocess.run(program, capture_output=True, text=True, timeout=5, stdin=subprocess.DEVNULL)
        except OSError:
            continue
        if done.stdout.strip() == "0" and os.getuid() != 0:
            return f"{program} runs as root"
    return None if status("NoNewPrivs") == "1" else "may gain privileges"


@attempt
def capabilities() -> str | None:
    names = ("CapInh", "CapPrm", "CapEff", "CapAmb")
    held = {name: status(name) for name in names if int(status(name), 16)}
    return f"holds {held}" if held else None


@attempt
def getting_capabilities() -> str | None:
    header = (ctypes.c_uint32 * 2)(0x20080522, 0)
    if libc.capset(header, (ctypes.c_uint32 * 6)(0xFFFFFFFF, 0xFFFFFFFF, 0, 0xFFFFFFFF, 0xFFFFFFFF, 0)) == 0:
        return f"capset: {status('CapEff')}"
    return "ambient" if libc.prctl(47, 2, 21, 0, 0) == 0 else None


@attempt
def device_nodes() -> str | None:
    for name, kind, device in (("disk", stat.S_IFBLK, (254, 0)), ("memory", stat.S_IFCHR, (1, 1))):
        try:
            os.mknod(name, kind | 0o666, os.makedev(*device))
        except OSError:
            continue
        return f"made a node, and read {len(read(name, 16))} bytes"
    return None


@attempt
def working_without_the_filter() -> str | None:
    """Is there one, and can it be taken off?"""
    mode = status("Seccomp")
    return None if mode == "2" else f"no filter of system calls (mode {mode})"


@attempt
def programs_in_the_kernel() -> str | None:
    return refused(321, 5, b"\0" * 128, 128)  # bpf: BPF_PROG_LOAD


@attempt
def faults_handled_by_the_job() -> str | None:
    return refused(323, 0)  # userfaultfd


@attempt
def asynchronous_calls() -> str | None:
    """io_uring does system calls that no filter sees."""
    return refused(425, 1, ctypes.create_string_buffer(120))


@attempt
def counters_of_the_processor() -> str | None:
    return refused(298, ctypes.create_string_buffer(struct.pack("II", 1, 112), 112), 0, -1, -1, 0)  # perf_event_open


@attempt
def keys_of_the_kernel() -> str | None:
    return refused(248, b"user", b"mine", b"x", 1, -3) or refused(250, 0, -3, 1)  # add_key, keyctl


@attempt
def modules_and_other_kernels() -> str | None:
    return (
        refused(175, b"", 0, b"")
        or refused(313, 0, b"", 0)
        or refused(246, 0, 0, None, 0)
        or refused(320, 0, 0, 0, b"", 0)
    )


@attempt
def stopping_the_machine() -> str | None:
    return refused(169, 0, 0, 0, None)  # reboot, with numbers that mean nothing


@attempt
def clock_and_name_of_the_machine() -> str | None:
    try:
        socket.sethostname("escaped")
        return "renamed the machine"
    except OSError:
        return refused(227, 0, ctypes.create_string_buffer(16))  # clock_settime


@attempt
def swap_and_accounting() -> str | None:
    return refused(167, b"/nowhere", 0) or refused(163, b"/nowhere")


@attempt
def ports_of_the_machine() -> str | None:
    return refused(172, 3) or refused(173, 0x80, 1, 1)  # iopl, ioperm


@attempt
def calls_of_another_architecture() -> str | None:
    """The numbers of 32-bit and x32 programs differ, so that a filter which knows one kind only is passed by."""
    if refused(0x40000000 + 39):
        return "x32 calls are let through"
    if "x86_64" not in os.uname().machine:
        return None
    code = b"\xb8\x14\x00\x00\x00\xcd\x80\xc3"  # mov eax, 20 (getpid); int 0x80; ret
    page = mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
    page.write(code)
    found = ctypes.CFUNCTYPE(ctypes.c_int)(ctypes.addressof(ctypes.c_char.from_buffer(page)))()
    return f"32-bit getpid gave {found}" if found == os.getpid() else None


@attempt
def profiling_the_machine() -> str | None:
    for path in (
        "/sys/kernel/debug",
        "/sys/kernel/tracing",
        "/sys/firmware",
        "/proc/kallsyms",
        "/proc/kcore",
        "/proc/keys",
    ):
        try:
            found = os.listdir(path) if os.path.isdir(path) else read(path, 64)
        except OSError:
            continue
        if found and not (path == "/proc/kallsyms" and bytes(found).startswith(b"0000000000000000")):
            return f"{path}: {found[:3]!r}"
    return None


assert sys.platform == "linux"
if __name__ == "__main__":
    main()
