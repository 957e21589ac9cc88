"""How a worker shows itself on the bus, and is given orders there: a service `worker` of the NATS Services API.

All workers answer to `$SRV.PING.worker`; each has an endpoint of its own, by its service id, for orders.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from nats.micro import add_service
from nats.micro.request import Request
from nats.micro.service import EndpointConfig, ServiceConfig

from protocol import subjects
from protocol.bus import Bus
from protocol.control import Failure
from protocol.envelope import NO_RUN, wrap
from protocol.message import Message
from protocol.service import VERSION
from protocol.worker import Order, WorkerOrder, WorkerState

SERVICE = "worker"


class Presence:
    """A worker's name on the bus's door."""

    def __init__(
        self, bus: Bus, state: Callable[[], WorkerState], obey: Callable[[Order], None], owner: str | None = None
    ) -> None:
        self.bus, self.owner = bus, owner
        self._state, self._obey = state, obey
        self._service: Any = None

    async def open(self) -> None:
        """Be found, and hear orders."""
        self._service = await add_service(self.bus.client, self.description())
        subject = subjects.worker(self._service.id)
        await self._service.add_endpoint(EndpointConfig(name="order", subject=subject, handler=self._receive))

    async def close(self) -> None:
        if self._service is not None:
            await self._service.stop()

    def description(self) -> ServiceConfig:
        state = self._state()
        about = {
            "name": state.name,
            "queue": state.queue,
            "device": state.device,
            "backend": state.backend,
            "slots": str(state.slots or "as many as fit"),
        }
        if self.owner is not None:  # it goes when its run does, so that no other run should count on it
            about["owner"] = self.owner
        return ServiceConfig(name=SERVICE, version=VERSION, description="runs training jobs", metadata=about)

    async def _receive(self, request: Request) -> None:
        question = await self.bus.parse(request.data, request.subject, SERVICE)
        if question is None:
            return
        answer: Message
        if isinstance(question.data, WorkerOrder):
            self._obey(question.data.order)
            answer = self._state()
        else:
            answer = Failure(error=f"a worker is given orders, not {question.data.type}")
        said = wrap(answer, run=NO_RUN, sender=SERVICE, recipient=question.sender, causation=question.id)
        await request.respond(said.model_dump_json().encode())
