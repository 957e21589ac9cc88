"""Workers: what they are told, and what they tell of themselves. Asked by `postdocs workers`."""

from __future__ import annotations

from typing import Literal

from protocol.message import Message, Part

Order = Literal["tell", "pause", "resume", "drain"]
"""Say how you are; take no new jobs; take jobs again; take no new jobs, and end when the last is done."""
Condition = Literal["working", "paused", "draining"]


class WorkerOrder(Message):
    """What a worker is to do; it answers with its state after that."""

    type: Literal["worker_order"] = "worker_order"
    order: Order = "tell"

    def headline(self) -> str:
        return self.order


class HeldJob(Part):
    """A job that a worker has."""

    job: str
    run: str
    experiment: str
    device: str


class Unserved(Part):
    """Jobs that wait in a worker's queue for what its machine has not."""

    run: str
    needs: str
    """For people: `2 × h100`."""
    waiting: int


class WorkerState(Message):
    """A worker as it is."""

    type: Literal["worker_state"] = "worker_state"
    name: str
    host: str
    pid: int
    queue: str
    device: str
    backend: str
    slots: int | None
    """None: as many jobs as its GPUs take."""
    sandboxed: bool
    condition: Condition
    jobs: tuple[HeldJob, ...] = ()
    unserved: tuple[Unserved, ...] = ()

    def headline(self) -> str:
        return f"{self.name} ({self.device}) is {self.condition}, with {len(self.jobs)} jobs"
