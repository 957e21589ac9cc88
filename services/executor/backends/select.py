"""Which backend runs the jobs of a task: what the task says, else this machine where they fit, else what is set up.

`choose` is pure; `configured` looks around. Called by the launcher, which starts a worker for the run, by the worker
itself, and by `postdocs doctor`.
"""

from __future__ import annotations

import importlib.util
import os
import shutil
from collections.abc import Collection, Mapping

from protocol.brief import Compute
from protocol.errors import BadInput
from protocol.job import Needs
from services.executor.backends.backend import Backend
from services.executor.inventory.machine import Machine
from services.executor.inventory.placement import default_slots, fits

ELSEWHERE = ("ray", "slurm", "hf_jobs")
"""In this order, where several are set up: what is there already goes before what is paid for by the minute."""
WHO_PAYS = "POSTDOCS_HF_NAMESPACE"
"""A token alone is no consent to rent: `auto` takes Hugging Face Jobs only where this is set."""
INSTALL = "pip install 'postdocs[cluster]'"
REMEDY = {
    "ray": f"set RAY_ADDRESS to the cluster's dashboard (http://head:8265), and {INSTALL}",
    "slurm": f"start it where `sbatch` is on the PATH, and {INSTALL}",
    "hf_jobs": "sign in with `hf auth login` or set HF_TOKEN; say who pays with POSTDOCS_HF_NAMESPACE, or write "
    "`backend: hf_jobs`",
}


PACKAGE = {"ray": "ray", "slurm": "submitit", "hf_jobs": "huggingface_hub"}


def choose(wanted: str, fits_locally: bool, set_up: Collection[str], may_rent: bool = False) -> str:
    """The backend to start a worker for. `wanted` is `compute.backend`; `may_rent`: `auto` may choose what costs money.

    Raises `BadInput` with the remedy.
    """
    if wanted == "auto":
        allowed = [name for name in ELSEWHERE if name in set_up and (may_rent or name != "hf_jobs")]
        found = "local" if fits_locally else next(iter(allowed), None)
        if found is None:
            ways = "; or ".join(f"{name}: {REMEDY[name]}" for name in ELSEWHERE)
            raise BadInput(
                "this machine does not have what the task's `compute` asks for, and nothing else is set up: ask for "
                f"less, start `postdocs worker` on a machine that has it, or set up one of these: {ways}"
            )
        return found
    if wanted == "local" and not fits_locally:
        raise BadInput(
            "compute.backend is local, and this machine does not have what `compute` asks for: ask for less, or write "
            "backend: auto"
        )
    if wanted != "local" and wanted not in set_up:
        raise BadInput(f"compute.backend is {wanted}, which is not set up here: {REMEDY[wanted]}")
    return wanted


def fits_here(compute: Compute, machine: Machine) -> bool:
    """Whether this machine, with nothing else on it, can run the jobs of a task."""
    needs = Needs(
        gpus=compute.gpus, kind=compute.kind, min_memory_gb=compute.min_memory_gb, memory_gb=compute.memory_gb
    )
    return fits(machine, default_slots(machine), needs)


def configured(environment: Mapping[str, str] = os.environ) -> tuple[str, ...]:
    """Which backends, beside `local`, are set up here; nothing is asked over the network."""
    found = {
        "ray": bool(environment.get("RAY_ADDRESS")),
        "slurm": shutil.which("sbatch", path=environment.get("PATH")) is not None,
        "hf_jobs": _installed("huggingface_hub") and _hub_token(environment),
    }
    return tuple(name for name in ELSEWHERE if found[name] and _installed(PACKAGE[name]))


def may_rent(environment: Mapping[str, str] = os.environ) -> bool:
    """Whether somebody has said who pays for rented machines."""
    return bool(environment.get(WHO_PAYS))


def elsewhere(name: str, sandboxed: bool) -> Backend:
    """The backend of that name, not opened yet; what it needs is imported with it only. Raises `BadInput`."""
    if not _installed(PACKAGE[name]):
        raise BadInput(f"--backend {name} needs {PACKAGE[name]}, which is not installed: {INSTALL}")
    if name == "hf_jobs":
        from services.executor.backends.hf_jobs.backend import hf_jobs_backend

        return hf_jobs_backend()
    from services.executor.backends.shared_folder import SharedFolderBackend

    if name == "ray":
        from services.executor.backends.ray import RayCluster

        return SharedFolderBackend(RayCluster(), sandboxed=sandboxed)
    from services.executor.backends.slurm import SlurmCluster

    return SharedFolderBackend(SlurmCluster(), sandboxed=sandboxed)


def _installed(package: str) -> bool:
    return importlib.util.find_spec(package) is not None


def _hub_token(environment: Mapping[str, str]) -> bool:
    if environment.get("HF_TOKEN"):
        return True
    from huggingface_hub import get_token

    return get_token() is not None
