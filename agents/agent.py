"""A role as an AutoGen AgentChat agent: takes a typed request as a structured message, answers with a typed reply.

Because it is a `BaseChatAgent`, a role also works in any AgentChat team.
"""

from __future__ import annotations

from collections.abc import Sequence

from autogen_agentchat.agents import BaseChatAgent
from autogen_agentchat.base import Response
from autogen_agentchat.messages import BaseChatMessage, StructuredMessage
from autogen_core import CancellationToken

from agents.mind import Mind, Turn
from agents.role import Role
from protocol.errors import PostdocsError
from protocol.message import Message


class RoleAgent(BaseChatAgent):
    """Stateless: every request is self-contained, so any instance can answer it."""

    def __init__(self, role: Role, mind: Mind, turn: Turn) -> None:
        super().__init__(name=role.name, description=role.about)
        self.role, self.mind, self.turn = role, mind, turn

    @property
    def produced_message_types(self) -> Sequence[type[BaseChatMessage]]:
        return (StructuredMessage[Message],)

    async def on_messages(self, messages: Sequence[BaseChatMessage], cancellation_token: CancellationToken) -> Response:
        last = messages[-1] if messages else None
        if not isinstance(last, StructuredMessage) or not isinstance(last.content, Message):
            raise PostdocsError(f"the {self.name} is asked with a typed request, not with {type(last).__name__}")
        reply = await self.mind.think(last.content, self.turn)
        return Response(chat_message=StructuredMessage[type(reply)](content=reply, source=self.name))  # type: ignore[misc, operator]

    async def on_reset(self, cancellation_token: CancellationToken) -> None:
        """Nothing is kept between requests."""
