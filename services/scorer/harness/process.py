"""The process of a benchmark: which Python, which environment, how long, how it ends. Called by `ask` and `command`.

It gets no secret but those that the task names, and is killed when its time is over, when the scorer stops, and when
the scorer dies.
"""

from __future__ import annotations

import contextlib
import functools
import importlib.util
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from protocol.errors import BadInput
from services.child import die_with_parent

SETTING = "POSTDOCS_EVAL_PYTHON"
MODULES = {"lm_eval": "lm_eval", "inspect": "inspect_ai"}
"""Kind of benchmark → the module that it needs."""
_REMEDIES = {
    "lm_eval": "pip install 'postdocs[eval]'",
    "inspect": "make eval-env",
}
_PASSED = (
    *("PATH", "HOME", "USER", "LANG", "LC_ALL", "TZ", "TMPDIR", "XDG_CACHE_HOME", "LD_LIBRARY_PATH"),
    *("CUDA_VISIBLE_DEVICES", "CUDA_DEVICE_ORDER", "CUDA_HOME", "PYTORCH_CUDA_ALLOC_CONF", "OMP_NUM_THREADS"),
    *("HF_HOME", "HF_HUB_CACHE", "HF_DATASETS_CACHE", "HF_ENDPOINT", "NLTK_DATA"),
    *("HF_HUB_OFFLINE", "HF_DATASETS_OFFLINE", "TRANSFORMERS_OFFLINE"),
    *("SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE"),
    *("HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "no_proxy"),
)
_POLL_SECONDS = 0.1
_LOOK_SECONDS = 60.0
_SAID_CHARACTERS = 300


class HarnessStopped(Exception):
    """The scorer ends; the evaluation in progress is not needed any more."""


class HarnessFailed(Exception):
    """An evaluation that came to nothing. The text tells why; `kind` does so without a word of an item."""

    def __init__(self, kind: str, told: str) -> None:
        self.kind, self.told = kind, told
        super().__init__(told)


def interpreter(kind: str) -> str:
    """The Python whose environment holds the harness: ours, else that of POSTDOCS_EVAL_PYTHON. Raises `BadInput`."""
    module, chosen = MODULES[kind], os.environ.get(SETTING)
    if chosen and _holds(chosen, module):
        return chosen
    if importlib.util.find_spec(module) is not None:
        return sys.executable
    looked = f"neither here nor in {SETTING}={chosen}" if chosen else "not installed"
    remedy = f"run {_REMEDIES[kind]}, or name a Python that has it in {SETTING}"
    raise BadInput(f"the metric is {kind}:…, and {module} is {looked}: {remedy} (docs/metrics.md)")


@functools.cache
def _holds(python: str, module: str) -> bool:
    code = f"import importlib.util, sys; sys.exit(importlib.util.find_spec({module!r}) is None)"
    try:
        done = subprocess.run([python, "-c", code], capture_output=True, timeout=_LOOK_SECONDS, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise BadInput(f"{SETTING} is {python!r}, which cannot be run ({error}): name a Python") from error
    return done.returncode == 0


def environment(extra: Sequence[str], given: Mapping[str, str] = os.environ) -> dict[str, str]:
    """What a benchmark is started with: what every program needs, and the variables in `extra`."""
    kept = {name: given[name] for name in (*_PASSED, *extra) if name in given}
    quiet = {"PYTHONDONTWRITEBYTECODE": "1", "TOKENIZERS_PARALLELISM": "false", "HF_HUB_DISABLE_TELEMETRY": "1"}
    if "HF_TOKEN" not in extra:  # nor the one that `hf auth login` has left in a file
        quiet["HF_HUB_DISABLE_IMPLICIT_TOKEN"] = "1"
    return kept | quiet


def run(
    argv: Sequence[str],
    folder: Path,
    env: Mapping[str, str],
    log: Path,
    seconds: float,
    stopping: threading.Event | None = None,
) -> None:
    """Run to its end; what it says goes to `log`. Raises `HarnessFailed`, `HarnessStopped`."""
    with log.open("wb") as said:
        try:
            process = subprocess.Popen(
                argv, cwd=folder, env=env, stdin=subprocess.DEVNULL, stdout=said, stderr=said,
                start_new_session=True, preexec_fn=die_with_parent(),
            )  # fmt: skip
        except (OSError, ValueError) as error:
            raise HarnessFailed("cannot be started", f"it cannot be started: {error}") from error
    try:
        _wait(process, seconds, stopping)
    finally:
        _end(process)
    if process.returncode != 0:
        what = f"ended with {process.returncode}"
        raise HarnessFailed(what, f"it {what}: {last_words(log)}")


def _wait(process: subprocess.Popen[bytes], seconds: float, stopping: threading.Event | None) -> None:
    until = time.monotonic() + seconds
    while True:
        try:
            process.wait(_POLL_SECONDS)
            return
        except subprocess.TimeoutExpired:
            pass
        if stopping is not None and stopping.is_set():
            raise HarnessStopped
        if time.monotonic() > until:
            what = f"took more than {seconds:.0f} s"
            raise HarnessFailed(
                what, f"it {what}: give it more under benchmark.time, or a smaller benchmark.dev_sample"
            )


def _end(process: subprocess.Popen[bytes]) -> None:
    """Kill it with all that it has started, which would hold the GPU."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def last_words(log: Path) -> str:
    lines = log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
    return lines[-1][-_SAID_CHARACTERS:] if lines else "it said nothing"
