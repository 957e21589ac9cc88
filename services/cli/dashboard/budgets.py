"""Panel: what the run may spend and has spent: time, and what its language models take."""

from __future__ import annotations

from rich.text import Text

from protocol.brief import Budget
from protocol.spending import total
from services import spending
from services.cli import clockwork
from services.cli.dashboard.boxes import bar
from services.cli.dashboard.frame import Frame
from services.cli.dialogue import clock
from services.cli.screen import printable

TITLE = "budgets"
BAR, NAME = 12, 11


def lines(frame: Frame, width: int, height: int) -> list[Text]:
    """A bar for each budget; below, each role's share."""
    ledger = frame.ledger
    told = [_line("time", *time(frame))]
    if ledger.first_job_at is not None:
        until = frame.now if frame.going and ledger.ended is None else ledger.sessions[-1][1]
        busy = ledger.ended.busy if ledger.ended else ledger.busy_share(until)
        told.append(_line("device", busy, f"{100 * busy:.0f} % busy", "cyan"))
    if not ledger.spent_by:
        return [*told, Text("no language model was asked: the playbook decides", style="dim")]
    budget = ledger.brief.task.budget if ledger.brief else Budget()
    spent = total(ledger.spent_by.values())
    for name, so_far, allowed, as_told in (
        ("tokens", spent.tokens, budget.tokens, "{:,.0f}"),
        ("dollars", spent.usd, budget.usd, "{:.2f}"),
        ("tool calls", spent.tool_calls, budget.tool_calls, "{:.0f}"),
    ):
        of = f" of {as_told.format(allowed)}" if allowed is not None else ", without limit"
        told.append(_line(name, so_far / allowed if allowed else 0.0, as_told.format(so_far) + of, "magenta"))
    return [*told, *(_role(row) for row in spending.rows(ledger)[:-1])]


def time(frame: Frame) -> tuple[float, str, str]:
    """How much of it is spent, `2:31 of 5:00`, and a colour."""
    budget = clockwork.budget(frame.ledger)
    of = f" of {clock(budget)}" if budget is not None else ""
    share = frame.spent / budget if budget else 0.0
    return share, f"{clock(frame.spent)}{of}", "yellow" if share > 0.9 else "green"


def summary(frame: Frame) -> str:
    """What minds took, for a line."""
    if not frame.ledger.spent_by:
        return "minds: playbook"
    spent = total(frame.ledger.spent_by.values())
    return f"minds: {spent.tokens:,} tokens, ${spent.usd:.2f}"


def _line(name: str, share: float, told: str, style: str) -> Text:
    return Text.assemble((f"{name:<{NAME}}", "dim"), bar(share, BAR, style), f" {told}")


def _role(row: tuple[str, ...]) -> Text:
    name, tokens, dollars, calls, seconds, _ = row
    return Text.assemble(
        (f"  {printable(name):<{NAME + 5}} ", ""), (f"{tokens} tokens, {dollars} dollars, {calls} tool calls", "dim"),
        (f", {seconds}", "dim"),
    )  # fmt: skip
