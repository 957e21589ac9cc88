"""Closes the strategies whose abort criterion has fired. Called by the nodes after whatever may have made it fire."""

from __future__ import annotations

from graph import lock_in
from graph.context import CrewContext
from protocol.control import StrategyClosed
from protocol.experiment import STRATEGIES


async def close_spent(context: CrewContext) -> None:
    """Say it once for each; the Engineer then no longer proposes them, and the graph refuses them."""
    for name in STRATEGIES:
        why = lock_in.fired(context.ledger, name)
        if why and name not in context.ledger.closed:
            await context.say(StrategyClosed(strategy=name, reason=why), name)
