"""Which mind a role of a run has: as the run's brief says, within what the run's budget allows. Used by the crew.

A crew may serve many runs, each with its own choice of models. What a run has spent is read from its journal, so that
a crew that was started again goes on counting where the last one stopped, and no process spends what another has spent.
"""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Any

from agents.mind import Mind
from agents.minds import choice
from agents.minds.llm.limits import TURN, Allowance, Limit, Limits
from agents.minds.playbook import PlaybookMind
from agents.role import Role
from protocol.brief import Brief, MindBudget
from protocol.bus import Bus
from protocol.errors import BadInput
from protocol.journal import Journal
from protocol.mcp import ServerTools
from protocol.message import Message
from services.account import Account, AccountedMind
from tools import mcp
from tools.mcp import Servers

if TYPE_CHECKING:
    from agents.minds.llm.patient import Patience

log = logging.getLogger(__name__)
TURN_SHARE = 0.1
"""One answer may take this share of the run's time …"""
SHORTEST_TURN = 20.0
"""… but no less than so many seconds, and no more than `TURN` allows."""


class RunMinds:
    """The minds of all runs that a crew serves."""

    def __init__(self, bus: Bus, instead: choice.Minds | None = None) -> None:
        """`instead`: minds for all runs, in place of what their briefs say."""
        self.bus, self.instead = bus, instead
        self._accounts: dict[str, Account] = {}
        self._servers: dict[str, Servers] = {}
        self._patience: dict[tuple[str, str], Patience] = {}
        """By run and model."""
        self._minds: dict[tuple[str, str], Mind] = {}
        self._reading = asyncio.Lock()

    async def of(self, run: str, role: Role) -> Mind:
        """The role's mind in this run. Raises `BadInput` for a model that this process has no key for."""
        key = (run, role.name)
        async with self._reading:
            if key not in self._minds:
                self._minds[key] = await self._made(run, role)
        return self._minds[key]

    async def _made(self, run: str, role: Role) -> Mind:
        brief = await self._brief(run)
        minds = self.instead or choice.parsed(brief.models if brief else ())
        model = choice.of(minds, role.name)
        if brief is None or model is None or not role.forms:
            return PlaybookMind(role)
        from agents.minds.llm.mind import LlmMind  # loads the providers' libraries: a second that playbooks do not pay
        from agents.minds.llm.patient import Patience

        model.key()
        if run not in self._accounts:
            self._accounts[run] = self._opened(run, brief)
        account = self._accounts[run]
        patience = self._patience.setdefault((run, str(model)), Patience())
        shared: dict[str, Any] = {"servers": self._servers[run], "patience": patience}
        mind = LlmMind(role, model, account.limits, require=brief.require_llm, **shared)
        return AccountedMind(mind, account)

    async def _brief(self, run: str) -> Brief | None:
        journal = Journal(self.bus, run)
        return await journal.brief() if await journal.exists() else None

    def _opened(self, run: str, brief: Brief) -> Account:
        """The run's limits; beside them its MCP servers, which are told what they offered before."""
        servers = self._servers[run] = _servers()
        budget = brief.task.budget
        seconds = min(TURN.seconds or SHORTEST_TURN, max(SHORTEST_TURN, TURN_SHARE * budget.time))
        limits = Limits(
            run=Limit("the run", Allowance(tokens=budget.tokens, usd=budget.usd, tool_calls=budget.tool_calls)),
            roles={role: _allowance(of) for role, of in budget.roles.items()},
            turn_allowance=TURN.model_copy(update={"seconds": seconds}),
        )

        def hear(said: Message) -> None:
            if isinstance(said, ServerTools):
                servers.note(said)

        return Account(Journal(self.bus, run), limits, hear)


def _allowance(budget: MindBudget) -> Allowance:
    return Allowance(tokens=budget.tokens, usd=budget.usd, seconds=budget.time, tool_calls=budget.tool_calls)


def _servers() -> Servers:
    """As the user has configured them; a config that is broken by now ends no run that has begun."""
    try:
        return Servers(mcp.configured())
    except BadInput as error:
        log.error("%s", error)
        return Servers(fault=str(error))
