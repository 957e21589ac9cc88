"""A hostile job that writes where it may not. The test looks, from outside, whether anything came of it."""

# ruff: noqa: PTH101, PTH104, PTH108

from __future__ import annotations

import ctypes
import os
import sysconfig
from pathlib import Path

from probing import TARGETS, attempt, call, main, written

NAME = TARGETS["mark"]
"""In the name of every file that is made."""


def changed(path: str | Path) -> str:
    """In place, without making it longer or shorter."""
    descriptor = os.open(path, os.O_WRONLY)
    os.pwrite(descriptor, b"ESCAPED", 0)
    os.close(descriptor)
    return f"wrote into {path}"


def first_that_works(*works: object) -> str | None:
    said = None
    for work in works:
        try:
            said = said or work()  # type: ignore[operator]
        except OSError:
            continue
    return said


@attempt
def parent_of_the_own_folder() -> str:
    return written(f"../{NAME}")


@attempt
def folder_of_another_job() -> str | None:
    return first_that_works(*(lambda p=p: changed(p) for p in TARGETS["other_job"]))


@attempt
def new_file_beside_another_job() -> str:
    return written(Path(TARGETS["other_job"][0]).with_name(NAME))


@attempt
def home_folder() -> str | None:
    home = TARGETS["home"]
    return first_that_works(lambda: written(f"{home}/{NAME}"), lambda: changed(f"{home}/{TARGETS['home_files'][0]}"))


@attempt
def packages_of_python() -> str | None:
    """A `.pth` file there runs in every Python that starts."""
    places = [sysconfig.get_path(name) for name in ("purelib", "platlib", "stdlib", "scripts")]
    return first_that_works(*(lambda p=p: written(f"{p}/{NAME}.txt") for p in places))


@attempt
def source_of_the_executor() -> str | None:
    places = ["services/executor", "services/scorer", "tools/metrics", "protocol"]
    return first_that_works(*(lambda p=p: written(f"{TARGETS['house']}/{p}/{NAME}.txt") for p in places))


@attempt
def bytecode_of_the_scorer() -> str:
    """What Python runs is the compiled file beside the source."""
    return written(f"{TARGETS['house']}/services/scorer/__pycache__/{NAME}.pyc")


@attempt
def the_base_model() -> str | None:
    base = TARGETS["reads"][0]
    return first_that_works(lambda: changed(f"{base}/config.json"), lambda: written(f"{base}/{NAME}"))


@attempt
def the_data_that_it_reads() -> str:
    return changed(TARGETS["reads"][1])


@attempt
def truncating_the_data_that_it_reads() -> str:
    os.truncate(TARGETS["reads"][1], 0)
    return "truncated the data"


@attempt
def removing_and_renaming_what_it_reads() -> str | None:
    data, base = TARGETS["reads"][1], TARGETS["reads"][0]
    return first_that_works(
        lambda: os.rename(data, data + NAME) or "renamed the data",
        lambda: os.rename(f"{base}/config.json", f"{base}/{NAME}") or "renamed the base model",
        lambda: os.unlink(f"{base}/config.json") or "removed the base model",
    )


@attempt
def modes_and_times_of_what_it_reads() -> str | None:
    """A call that succeeds may have done nothing."""
    data = TARGETS["reads"][1]
    first_that_works(lambda: os.chmod(data, 0o666), lambda: os.utime(data, (1, 1)))
    descriptor = os.open(data, os.O_RDONLY)
    first_that_works(lambda: os.fchmod(descriptor, 0o666), lambda: os.utime(descriptor, (1, 1)))
    first_that_works(lambda: os.setxattr(data, "user.escaped", b"1"))
    found = Path(data).stat()
    changed = found.st_mode & 0o777 == 0o666 or found.st_mtime < 100
    return f"changed mode or times: {found}" if changed or "user.escaped" in os.listxattr(data) else None


@attempt
def the_dev_split() -> str:
    return changed(TARGETS["dev"])


@attempt
def the_sealed_test_split() -> str | None:
    return first_that_works(*(lambda p=p: changed(p) for p in TARGETS["sealed"]))


@attempt
def the_metric_of_the_task() -> str:
    return changed(TARGETS["metric"])


@attempt
def the_ledger_and_the_checkpoints() -> str | None:
    return first_that_works(lambda: changed(TARGETS["ledger"]), lambda: changed(TARGETS["checkpoints"]))


@attempt
def the_model_that_ships() -> str | None:
    final = TARGETS["final_model"]
    return first_that_works(
        lambda: written(f"{final}/{NAME}"),
        lambda: os.rename(final, f"{final}{NAME}") or "renamed final_model",
    )


@attempt
def temporary_folders_of_the_machine() -> None:
    """It may have a /tmp of its own; the test looks for the files in the machine's."""
    for place in ("/tmp", "/var/tmp", "/dev/shm", "/run", "/dev/mqueue"):
        first_that_works(lambda p=place: written(f"{p}/{NAME}"))


@attempt
def the_system() -> str | None:
    places = ["/etc", "/usr/lib", "/usr/local/bin", "/var/spool/cron", "/root", "/opt", "/", "/srv", "/boot", "/home"]
    return first_that_works(*(lambda p=p: written(f"{p}/{NAME}") for p in places)) and None


@attempt
def soft_link_out_of_the_folder() -> str | None:
    Path("out").symlink_to("..")
    Path("away").symlink_to(TARGETS["home"])
    return first_that_works(lambda: written(f"out/{NAME}"), lambda: written(f"away/{NAME}"))


@attempt
def hard_link_to_what_it_reads() -> str:
    """A name of its own for a file that it may only read."""
    os.link(TARGETS["reads"][1], "linked.jsonl")
    return changed("linked.jsonl")


@attempt
def moving_the_own_folder() -> str:
    here = Path.cwd()
    os.rename(here, here.with_name(NAME))
    return "moved its folder"


@attempt
def doors_of_proc() -> str | None:
    works = [lambda p=p: written(f"/proc/{p}/root{TARGETS['home']}/{NAME}") for p in (1, *TARGETS["pids"])]
    works += [lambda p=p: written(f"/proc/{p}/cwd/{NAME}") for p in TARGETS["pids"]]
    return first_that_works(lambda: written(f"/proc/self/cwd/../{NAME}"), *works)


@attempt
def reopening_what_is_open_for_reading() -> str | None:
    """/proc/self/fd opens a file anew, with other rights."""
    descriptor = os.open(TARGETS["reads"][1], os.O_RDONLY)
    return changed(f"/proc/self/fd/{descriptor}")


@attempt
def settings_of_the_kernel() -> str | None:
    names = (
        "kernel/core_pattern",
        "kernel/modprobe",
        "vm/overcommit_memory",
        "kernel/hostname",
        "fs/protected_hardlinks",
    )
    for path in (*(f"/proc/sys/{name}" for name in names), "/proc/sysrq-trigger", "/sys/kernel/uevent_helper"):
        try:
            os.close(os.open(path, os.O_WRONLY))
        except OSError:
            continue
        return f"could write {path}"
    return None


@attempt
def control_groups() -> str | None:
    for folder, _, names in os.walk("/sys/fs/cgroup"):
        for name in ("cgroup.procs", "release_agent", "notify_on_release"):
            if name in names and os.access(f"{folder}/{name}", os.W_OK):
                try:
                    os.close(os.open(f"{folder}/{name}", os.O_WRONLY))
                except OSError:
                    continue
                return f"could write {folder}/{name}"
    return None


@attempt
def priority_of_others_for_memory() -> str | None:
    """The kernel would kill the worker in the job's stead."""
    for pid in TARGETS["pids"]:
        try:
            if Path(f"/proc/{pid}/cmdline").read_bytes().startswith(TARGETS["python"].encode()):
                return written(f"/proc/{pid}/oom_score_adj", "1000")
        except OSError:
            continue
    return None


@attempt
def mounting_over_and_remounting() -> str | None:
    base = TARGETS["reads"][0].encode()
    for source, target, flags in (
        (b"none", base, 32),
        (b"/", b"sub", 4096),
        (b"none", b"/", 32),
    ):  # MS_REMOUNT, MS_BIND
        Path("sub").mkdir(exist_ok=True)
        try:
            call(165, ctypes.c_char_p(source), ctypes.c_char_p(target), None, flags, None)
        except OSError:
            continue
        return f"mounted {source!r} at {target!r} with {flags}"
    return None


if __name__ == "__main__":
    main()
