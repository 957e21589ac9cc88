"""The playbook mind: rules, statistics and search, written down by the role. The default, and the fallback."""

from __future__ import annotations

from agents import talk
from agents.mind import Turn
from agents.role import Role
from protocol.errors import PostdocsError
from protocol.message import Message


class PlaybookMind:
    """Looks the request's type up in the role's playbook."""

    name = "playbook"

    def __init__(self, role: Role) -> None:
        self.role = role

    async def think(self, request: Message, turn: Turn) -> Message:
        answer = (talk.PLAYBOOK | dict(self.role.playbook)).get(type(request))
        if answer is None:
            known = ", ".join(kind.__name__ for kind in self.role.playbook) or "nothing"
            raise PostdocsError(f"the {self.role.name}'s playbook has no answer to {request.type}: it answers {known}")
        return await answer(request, turn.ask)
