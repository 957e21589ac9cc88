"""A job's own home, cache and temporary folder: in its folder, new at each start. What is written there counts as the
job's. Used by `root`, which shows them elsewhere, and by `landlock`, which cannot.
"""

from __future__ import annotations

import contextlib
import os
import stat

from services.executor.sandbox.plan import Plan

SCRATCH = ".scratch"
PARTS = ("home", "hub", "tmp")


def make(folder: int, name: str, plan: Plan) -> None:
    """In the job's folder, an open one; what an earlier attempt of the job put in its place goes."""
    with contextlib.suppress(FileNotFoundError):
        if not stat.S_ISDIR(os.stat(SCRATCH, dir_fd=folder, follow_symlinks=False).st_mode):
            os.unlink(SCRATCH, dir_fd=folder)
    outer = _own_folder(SCRATCH, folder, plan)
    inner = _own_folder(name, outer, plan)
    for below in PARTS:
        os.close(_own_folder(below, inner, plan))
    os.close(inner)
    os.close(outer)


def _own_folder(name: str, parent: int, plan: Plan) -> int:
    """A descriptor of a folder that is the job's, made if need be."""
    with contextlib.suppress(FileExistsError):
        os.mkdir(name, 0o700, dir_fd=parent)
    made = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_DIRECTORY, dir_fd=parent)
    if os.geteuid() == 0 and plan.uid != 0:
        os.fchown(made, plan.uid, plan.gid)
    return made
