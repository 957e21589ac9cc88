"""The environment of jobs, by a list of what is allowed: there is no secret in it, since nothing else gets in.

The zygote is started with `of_zygote`: jobs are copies of its memory, so that a secret must not be there either.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from services.executor.inventory.machine import Grant

HOME = "/sandbox/home"
"""In every sandbox; it lies in the job's folder. Libraries that were imported before the fork keep such paths."""
TMP = "/tmp"
HUB = "/sandbox/hub"
"""Its cache of the Hugging Face Hub: the models it was granted, and what it downloads if it may."""
PROXY = 3128
"""Port on the sandbox's loopback that leads to the job's granted hosts."""
_ALLOWED = {
    *("PATH", "LANG", "LANGUAGE", "TZ", "TERM"),
    *("PYTHONPATH", "PYTHONHASHSEED", "VIRTUAL_ENV", "LD_LIBRARY_PATH"),
    *("CUDA_HOME", "CUDA_PATH", "CUDA_VISIBLE_DEVICES", "CUDA_DEVICE_ORDER", "CUBLAS_WORKSPACE_CONFIG"),
    *("OMP_NUM_THREADS", "MKL_NUM_THREADS", "PYTORCH_CUDA_ALLOC_CONF", "PYTORCH_ALLOC_CONF"),
}
_ALLOWED_BEGINNINGS = ("LC_", "NCCL_", "NVIDIA_", "OMP_", "KMP_")


def allowed(environment: Mapping[str, str]) -> dict[str, str]:
    """What of an environment job code may see."""
    return {
        name: value for name, value in environment.items() if name in _ALLOWED or name.startswith(_ALLOWED_BEGINNINGS)
    }


def hub_cache(environment: Mapping[str, str]) -> Path:
    """Where this machine keeps what was downloaded from the Hugging Face Hub (huggingface_hub/constants.py)."""
    home = environment.get("HF_HOME") or Path(environment.get("XDG_CACHE_HOME") or "~/.cache") / "huggingface"
    found = environment.get("HF_HUB_CACHE") or environment.get("HUGGINGFACE_HUB_CACHE") or Path(home) / "hub"
    return Path(found).expanduser().absolute()


def of_zygote(environment: Mapping[str, str], *, sandboxed: bool) -> dict[str, str]:
    """What a process is started with that is to become jobs. Not sandboxed, its jobs use the user's own home."""
    if sandboxed:
        return allowed(environment) | _places() | _offline()
    kept = ("HOME", "USER", "LOGNAME", "TMPDIR", "HF_HOME", "HF_HUB_CACHE", "XDG_CACHE_HOME")
    return allowed(environment) | {name: environment[name] for name in kept if name in environment} | _quiet()


def of_job(environment: Mapping[str, str], grant: Grant, *, online: bool) -> dict[str, str]:
    """What a sandboxed job sees; `online` when it was granted hosts."""
    devices = {"CUDA_VISIBLE_DEVICES": ",".join(gpu.uuid for gpu in grant.gpus)}
    reach = _online() if online else _offline()
    return allowed(environment) | _places() | devices | reach


def _places() -> dict[str, str]:
    return _quiet() | {
        "HOME": HOME,
        "USER": "job",
        "LOGNAME": "job",
        "TMPDIR": TMP,
        "HF_HUB_CACHE": HUB,
        "WANDB_DIR": HOME,
        "TRACKIO_DIR": str(Path(HOME) / "trackio"),
    }


def _quiet() -> dict[str, str]:
    return {
        "TOKENIZERS_PARALLELISM": "false",  # its threads do not survive the forks of data loaders, and it warns
        "PYTORCH_NVML_BASED_CUDA_CHECK": "1",  # asking whether there is a GPU must not open it
        "HF_HUB_DISABLE_TELEMETRY": "1",
        "PYTHONUNBUFFERED": "1",
    }


def _offline() -> dict[str, str]:
    return {"HF_HUB_OFFLINE": "1", "WANDB_MODE": "offline"}


def _online() -> dict[str, str]:
    proxy = f"http://127.0.0.1:{PROXY}"
    names = ("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy")
    return {name: proxy for name in names} | {
        "NO_PROXY": "localhost,127.0.0.1",
        "no_proxy": "localhost,127.0.0.1",
        "HF_HUB_OFFLINE": "0",
    }
