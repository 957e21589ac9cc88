"""Counts the parameters of a model whose family the formulas do not know: transformers builds it on the meta device.

In a process of its own, bounded in time and memory and without secrets, since a config comes from outside:
`python -m tools.sizing.exact`, config.json in, the count out. Code that a model brings is never run.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
SECONDS = 45.0
CPU_SECONDS = 60
MEMORY_BYTES = 16 << 30
"""Of addresses: torch maps far more than it uses."""
PASSED = ("PATH", "LANG", "LC_ALL", "SYSTEMROOT", "VIRTUAL_ENV", "LD_LIBRARY_PATH")


async def count(config: Mapping[str, Any]) -> int | None:
    """Parameters, an embedding that is the head too counted once; None where transformers is not installed, or does not
    know the model."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tools.sizing.exact"),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
        env={name: os.environ[name] for name in PASSED if name in os.environ}
        | {"PYTHONPATH": str(ROOT), "HF_HUB_OFFLINE": "1"},
        cwd="/",
    )
    try:
        async with asyncio.timeout(SECONDS):
            said, _ = await process.communicate(json.dumps(config).encode())
    except TimeoutError:
        return None
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    return int(said) if process.returncode == 0 and said.strip().isdigit() else None


def main() -> None:
    import resource

    for what, limit in ((resource.RLIMIT_AS, MEMORY_BYTES), (resource.RLIMIT_CPU, CPU_SECONDS)):
        resource.setrlimit(what, (limit, limit))
    config = json.load(sys.stdin)
    from accelerate import init_empty_weights
    from transformers import AutoConfig, AutoModelForCausalLM

    made = AutoConfig.for_model(**{key: value for key, value in config.items() if key != "auto_map"})
    with init_empty_weights():
        model = AutoModelForCausalLM.from_config(made, trust_remote_code=False)
    model.tie_weights()
    print(model.num_parameters())


if __name__ == "__main__":
    main()
