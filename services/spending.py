"""What the minds of a run have spent, against what they may: for people and as plain data.

Used by `show`, `watch` and the report.
"""

from __future__ import annotations

from typing import Any

from protocol.brief import Budget, MindBudget
from protocol.ledger import Ledger
from protocol.spending import Spent, total

RUN = "the run"
HEAD = ("minds", "tokens", "US dollars", "tool calls", "thinking", "turns")


def rows(ledger: Ledger) -> list[tuple[str, ...]]:
    """Under `HEAD`: one row a role that a model has thought for, the dearest first, then the run; none without one."""
    budget = _budget(ledger)
    spent = sorted(ledger.spent_by.items(), key=lambda item: (-item[1].usd, -item[1].tokens, item[0]))
    if not spent:
        return []
    roles = [_row(role, one, budget.roles.get(role, MindBudget())) for role, one in spent]
    whole = MindBudget(tokens=budget.tokens, usd=budget.usd, tool_calls=budget.tool_calls)
    return [*roles, _row(RUN, total(ledger.spent_by.values()), whole)]


def plain(ledger: Ledger) -> dict[str, Any]:
    """`{"run": …, "roles": {…}}`, each with what was `spent` and its `budget`; null is without limit."""
    budget = _budget(ledger)
    run = budget.model_dump(include={"tokens", "usd", "tool_calls"})
    return {
        "run": {"spent": total(ledger.spent_by.values()).model_dump(), "budget": run},
        "roles": {
            role: {"spent": spent.model_dump(), "budget": budget.roles.get(role, MindBudget()).model_dump()}
            for role, spent in ledger.spent_by.items()
        },
    }


def _budget(ledger: Ledger) -> Budget:
    return ledger.brief.task.budget if ledger.brief else Budget()


def _row(name: str, spent: Spent, allowed: MindBudget) -> tuple[str, ...]:
    return (
        name,
        _of(f"{spent.tokens:,}", f"{allowed.tokens:,}" if allowed.tokens is not None else None),
        _usd(spent, allowed.usd),
        _of(f"{spent.tool_calls}", f"{allowed.tool_calls}" if allowed.tool_calls is not None else None),
        _of(f"{spent.seconds:.0f} s", f"{allowed.time:.0f} s" if allowed.time is not None else None),
        f"{spent.turns}" + (f", {spent.fallbacks} by the playbook" if spent.fallbacks else ""),
    )


def _of(value: str, allowed: str | None) -> str:
    return value if allowed is None else f"{value} of {allowed}"


def _usd(spent: Spent, allowed: float | None) -> str:
    """What is known, and for how much no price is."""
    unknown = f"{spent.unpriced_tokens:,} tokens unpriced" if spent.unpriced_tokens else ""
    if unknown and not spent.usd and allowed is None:
        return unknown
    known = _of(
        f"{spent.usd:.4f}" if 0 < spent.usd < 0.1 else f"{spent.usd:.2f}", f"{allowed:.2f}" if allowed else None
    )
    return f"{known}, {unknown}" if unknown else known
