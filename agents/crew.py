"""Puts roles on the bus: each answers its requests through its AutoGen agent and its mind. Started by services."""

from __future__ import annotations

import secrets
from collections.abc import Awaitable, Callable

from autogen_agentchat.messages import StructuredMessage
from autogen_core import CancellationToken

from agents import foreign, talk
from agents.agent import RoleAgent
from agents.mind import Mind, Turn
from agents.role import Role
from protocol.bus import Bus
from protocol.crew import BUILT_IN, RESERVED, Crew
from protocol.envelope import Envelope, wrap
from protocol.errors import PostdocsError
from protocol.journal import Journal
from protocol.message import Message, message_id
from protocol.service import Service

MindOf = Callable[[str, Role], Awaitable[Mind]]
"""The mind of a role in a run."""
ROLE_SECONDS = 15.0
"""Without a sign of a role that another asks: it is served, or it is not. One that thinks gives signs."""
SERVICE_SECONDS = 600.0
"""Without a sign of a service: it may be starting again, or on a machine that is."""


def serve(bus: Bus, role: Role, mind_of: MindOf, run: str | None = None) -> Service:
    """A service (not yet started) that answers for the role: for one run, or for all."""

    async def handle(question: Envelope) -> Message:
        async def ask(recipient: str, message: Message) -> Message:
            return await _ask(bus, role, question, recipient, message)

        async def say(message: Message) -> None:
            id = message_id(question.id, secrets.token_hex(8))  # the same call twice is said twice
            said = wrap(foreign.carried(message), run=question.run, sender=role.name, causation=question.id, id=id)
            await Journal(bus, question.run).append(said)

        asked = foreign.read(question.data, role.answers)
        mind = await mind_of(question.run, role)
        agent = RoleAgent(role, mind, Turn(question.run, ask, say))
        request = StructuredMessage[type(asked)](content=asked, source=question.sender)  # type: ignore[misc, operator]
        response = await agent.on_messages([request], CancellationToken())
        if not isinstance(response.chat_message, StructuredMessage):
            raise PostdocsError(f"the {role.name} answered with {type(response.chat_message).__name__}, not a message")
        reply: Message = response.chat_message.content
        return foreign.carried(reply)

    kinds = {foreign.carrier(kind): handle for kind in (*role.answers, *talk.PLAYBOOK)}
    return Service(bus, role.name, kinds, run=run, about=role.about)


async def _ask(bus: Bus, role: Role, question: Envelope, recipient: str, message: Message) -> Message:
    """Ask somebody else in the course of answering; the id follows from the question, so a repeat is harmless. In the
    place of a role that was replaced the one answers that replaces it.

    Raises `BadInput` for a role that the run goes without, `NoAnswer`, `AnswerFailed`.
    """
    journal = Journal(bus, question.run)
    brief = await journal.brief()
    recipient = (brief.crew if brief else Crew()).asked(recipient)
    id = message_id(question.id, recipient, message.model_dump_json())
    envelope = wrap(
        foreign.carried(message), run=question.run, sender=role.name, recipient=recipient, causation=question.id, id=id
    )
    await journal.append(envelope)
    patience = SERVICE_SECONDS if recipient in RESERVED - {*BUILT_IN} else ROLE_SECONDS
    return (await bus.ask(envelope, Message, timeout=patience)).data
