"""What a rented machine is busy with, as the Hub tells it once a second. Used by `handle`."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Mapping
from typing import Any

from huggingface_hub import HfApi

from services.executor.backends.hf_jobs.faults import FAULTS
from services.executor.watch.usage import Usage

log = logging.getLogger(__name__)
EVERY_SECONDS = 10.0
"""Between two looks: each is a connection of its own, and the rules that use it look at minutes."""


class Metrics:
    """The newest sample of one job."""

    def __init__(self, api: HfApi, namespace: str, job: str, device: str) -> None:
        self.api, self.namespace, self.job = api, namespace, job
        self._usage, self._at = Usage(device=device), -EVERY_SECONDS
        self._look: asyncio.Task[None] | None = None

    def usage(self) -> Usage:
        """The newest that is known; a further look is begun when that is old."""
        if time.monotonic() - self._at > EVERY_SECONDS and (self._look is None or self._look.done()):
            self._at = time.monotonic()
            self._look = asyncio.create_task(self._sample())
        return self._usage

    def close(self) -> None:
        if self._look is not None:
            self._look.cancel()

    async def _sample(self) -> None:
        try:
            sample = await asyncio.to_thread(self._read)
        except FAULTS as error:
            log.debug("no metrics of job %s: %s", self.job, error)
            return
        if sample is not None:
            self._usage = usage(self._usage.device, sample)

    def _read(self) -> Mapping[str, Any] | None:
        return next(iter(self.api.fetch_job_metrics(job_id=self.job, namespace=self.namespace)), None)


def usage(device: str, sample: Mapping[str, Any]) -> Usage:
    """A sample of `fetch_job_metrics` in our words: of several GPUs the busiest; of a CPU the cores in use."""
    shares = [float(gpu["utilization"]) / 100 for gpu in (sample.get("gpus") or {}).values()]
    percent, cores = sample.get("cpu_usage_pct"), sample.get("cpu_millicores")
    cpu = float(percent) / 100 * float(cores) / 1000 if percent is not None and cores is not None else None
    memory = sample.get("memory_used_bytes")
    held = float(memory) / 1e9 if memory is not None else None
    return Usage(device=device, busy=max(shares) if shares else cpu, memory_gb=held)
