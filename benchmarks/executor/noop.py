"""A worker whose jobs do nothing, to measure what is around them: `python -m benchmarks.executor.noop`.

It is `services.executor` in all else: the same queue, leases, journal, ends. Its jobs leave a model of four numbers.
"""

from __future__ import annotations

import asyncio
import json
import os
from pathlib import Path

from benchmarks import noop_backend
from protocol.bus import Bus
from protocol.job import Job
from services.executor.backends.backend import Terms
from services.executor.inventory.machine import Machine
from services.executor.settings import read_settings
from services.executor.worker import Worker


class NoopBackend(noop_backend.NoopBackend):
    """Its jobs end well."""

    async def start(self, job: Job, terms: Terms) -> noop_backend.NoopHandle:
        _write_model(Path(job.folder) / job.spec.output)
        return await super().start(job, terms)


def _write_model(folder: Path) -> None:
    folder.mkdir(parents=True)  # fails where another worker has run the same job
    (folder / "config.json").write_text("{}")
    header = json.dumps({"w": {"dtype": "F32", "shape": [4], "data_offsets": [0, 16]}}).encode()
    (folder / "model.safetensors").write_bytes(len(header).to_bytes(8, "little") + header + bytes(16))


async def main() -> None:
    settings = read_settings()
    bus = await Bus.connect(settings.bus, os.environ.get("POSTDOCS_BUS_TOKEN"), name=f"worker {settings.name}")
    try:
        backend = NoopBackend(Machine(cpus=64, memory_gb=64))
        await Worker(bus, backend, queue=settings.queue, slots=settings.slots, name=settings.name).run()
    finally:
        await bus.close()


if __name__ == "__main__":
    asyncio.run(main())
