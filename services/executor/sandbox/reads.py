"""Which paths of the machine a job may read, from `JobSpec.reads`: files, folders, ids on the Hugging Face Hub.

Links are followed here, by the worker, with care: an earlier job may have put one where its model should stand.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from services.executor.files.folder import BadJobFolder
from services.executor.sandbox import environment, identity, idmap
from services.run_folder import RunFolder

_HUB_ID = re.compile(r"[\w.-]+(/[\w.-]+)?")
_SYSTEM = frozenset(
    Path("/", name)
    for name in (
        "",
        "bin",
        "boot",
        "etc",
        "home",
        "lib",
        "media",
        "mnt",
        "opt",
        "root",
        "run",
        "srv",
        "tmp",
        "usr",
        "var",
    )
)
_SECRETS = tuple(Path("/", name) for name in ("boot", "etc", "run", "var/lib", "var/spool"))
"""Not opened to jobs, though one of them may name it: what only root can read there is no data."""
_NO_FILES = (Path("/proc"), Path("/dev"), Path("/sys"))
_WRITTEN = ("jobs", "preflight")
"""Folders of a run in which code of jobs has written."""
LOOKED_AT = 10_000
"""Entries of a read folder that are looked at for whether they can be read."""


class Shown(NamedTuple):
    """The fields of `plan.Bind`."""

    source: str
    alias: str | None = None
    target: str | None = None
    mapped: bool = False


def shown(reads: Sequence[str], folder: Path, uid: int) -> Iterator[Shown]:
    """What a job that runs in `folder` as `uid` is to see.

    A Hub id stands for its folder in the cache, and for nothing when it is not there: the job then says so itself.
    Raises `BadJobFolder`.
    """
    for name in dict.fromkeys(reads):
        if not Path(name).is_absolute():
            yield from _cached(name, uid)
            continue
        real = _whole(_resolved(Path(name), folder))
        if real.is_relative_to(folder):
            continue
        _check_extent(name, real, folder)
        yield Shown(str(real), name if name != str(real) else None, mapped=_needs_mapping(name, real, uid))


def _resolved(path: Path, folder: Path) -> Path:
    """The real path; from a job's folder, of this run or another, none that leads out of it."""
    if ".." in path.parts:
        raise BadJobFolder(f"reads {str(path)!r}: name it without ..")
    try:
        real = path.resolve(strict=True)
    except (OSError, RuntimeError) as error:
        raise BadJobFolder(f"reads {str(path)!r}, which is not there: {error}") from None
    for above in path.parents:
        home = _job_around(above.resolve(), folder.parent)
        if home is not None and not real.is_relative_to(home):
            raise BadJobFolder(f"reads {str(path)!r}, which leads out of that job's folder, to {real}")
    return real


def _job_around(path: Path, jobs: Path) -> Path | None:
    """The job's folder, of this run (in `jobs`) or of another, that a real path is in."""
    for home in (path, *path.parents):
        if home.parent == jobs or (
            home.parent.name in {jobs.name, *_WRITTEN} and RunFolder(home.parent.parent).brief.exists()
        ):
            return home
    return None


def _whole(path: Path) -> Path:
    """A snapshot in the Hub's cache consists of links into the folder of its model: all of that is needed."""
    for parent in path.parents:
        if parent.name == "snapshots" and parent.parent.name.startswith(("models--", "datasets--")):
            return parent.parent
    return path


def _check_extent(name: str, real: Path, folder: Path) -> None:
    """Refuse what holds more than a model or data."""
    home = Path("~").expanduser().resolve()
    holds_us = real == folder.parent or folder.is_relative_to(real)
    if real in _SYSTEM or holds_us or home.is_relative_to(real) or _holds_runs(real):
        raise BadJobFolder(f"reads {name!r}, which holds more than models and data: name the files or folders needed")
    if any(real.is_relative_to(place) for place in _NO_FILES):
        raise BadJobFolder(f"reads {name!r}, which is no file of data")
    for above in real.parents:
        run = RunFolder(above)
        if above == folder.parent.parent or run.brief.exists():
            kept = (run.sealed, run.bus, run.bus_url, run.checkpoints)
            if any(real.is_relative_to(place) for place in kept):
                raise BadJobFolder(f"reads {name!r}, which no job may: it is the run's own")


def _holds_runs(real: Path) -> bool:
    """Whether it is the folder of a run, of runs, or of all jobs of a run."""
    if _is_run(real) or (real.name in _WRITTEN and _is_run(real.parent)):
        return True
    with contextlib.suppress(OSError), os.scandir(real) as found:  # no folder, or none to be read: told elsewhere
        below = itertools.islice(found, LOOKED_AT)
        return any(_is_run(Path(entry.path)) for entry in below if entry.is_dir(follow_symlinks=False))
    return False


def _is_run(folder: Path) -> bool:
    return os.path.exists(RunFolder(folder).brief)  # noqa: PTH110, it does not raise where we may not look


def _needs_mapping(name: str, real: Path, uid: int) -> bool:
    """Whether what is root's there must be shown as the job's own. Raises `BadJobFolder` where it cannot be read so
    either: one clear sentence now, not a riddle in the job's log."""
    closed: Path | None = None
    possible = uid == identity.NOBODY and os.geteuid() == 0 and not _is_secret(real)
    for path in _below(real):
        if not path.exists() or path.is_symlink():
            continue
        found = path.stat()
        possible = possible and identity.lets_read(found.st_mode, idmap.swapped(found.st_uid) == uid)
        if closed is None and not identity.can_read(path, uid):
            closed = path
        if closed is not None and not possible:
            break
    if closed is None:
        return False
    if possible and idmap.fault(real) is None:
        return True
    who = f"user {uid}, as whom jobs run"
    raise BadJobFolder(f"reads {name!r}, but {who}, cannot read {closed}: chmod -R a+rX {real}")


def _is_secret(real: Path) -> bool:
    """Whether what is closed there is closed for a good reason: keys, accounts, what is hidden in a home."""
    if real.is_relative_to(environment.hub_cache(os.environ).resolve()):
        return False
    return any(part.startswith(".") for part in real.parts) or any(real.is_relative_to(place) for place in _SECRETS)


def _below(real: Path) -> Iterator[Path]:
    """The path, and so much of what lies below as is worth a look."""
    yield real
    if real.is_dir():
        for folder, folders, files in itertools.islice(os.walk(real, followlinks=False), LOOKED_AT):
            yield from (Path(folder, name) for name in itertools.islice((*folders, *files), LOOKED_AT))


def _cached(hub_id: str, uid: int) -> Iterator[Shown]:
    """The cache folders of a Hub id (https://huggingface.co/docs/huggingface_hub/guides/manage-cache)."""
    if not _HUB_ID.fullmatch(hub_id) or ".." in hub_id:
        raise BadJobFolder(f"reads {hub_id!r}, which is neither an absolute path nor a Hub id")
    cache = environment.hub_cache(os.environ)
    for kind in ("models", "datasets"):
        path = cache / f"{kind}--{hub_id.replace('/', '--')}"
        if path.is_dir() and not path.is_symlink():
            real = path.resolve()
            mapped = _needs_mapping(hub_id, real, uid)
            yield Shown(str(real), target=f"{environment.HUB}/{path.name}", mapped=mapped)
