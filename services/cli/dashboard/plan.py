"""Panel: the data plan: what is trained on, and what was left out, and why."""

from __future__ import annotations

from rich.text import Text

from services.cli.dashboard.boxes import bar
from services.cli.dashboard.frame import Frame
from services.cli.screen import printable

TITLE = "data"
BAR = 12


def lines(frame: Frame, width: int, height: int) -> list[Text]:
    """The mixture in a line, each source with its share, and what was rejected."""
    plan = frame.ledger.plan
    if plan is None:
        return [Text("no plan yet", style="dim")]
    overlap = f": {plan.contamination.test_overlap} rows overlap with test"
    told = [summary(frame).append(overlap, style="dim")]
    for name, rows in plan.mixture.weights.items():
        share = rows / max(1, plan.mixture.rows)
        told.append(Text.assemble(bar(share, BAR), f" {printable(name)} ", (f"{rows} rows", "dim")))
    told += [Text(f"✎ {printable(one.origin)}") for one in plan.profiles if one.origin]
    for rejected in plan.rejected:
        what = "left out" if rejected.whole else f"without {rejected.rows} rows"
        sign = ("✗ ", "red") if rejected.whole else ("− ", "yellow")
        line = Text.assemble(sign, printable(rejected.source), f" {what}: {rejected.fault.replace('_', ' ')}")
        told.append(line.append(f"  {printable(rejected.reason)}", style="dim"))
    return told


def summary(frame: Frame) -> Text:
    """`8000 rows of clean, not contaminated`."""
    plan = frame.ledger.plan
    if plan is None:
        return Text("no data plan yet", style="dim")
    found = plan.contamination
    verdict = ("not contaminated", "green") if found.clean else ("CONTAMINATED", "bold red")
    of = ", ".join(plan.mixture.weights)
    return Text.assemble(f"{plan.mixture.rows} rows of {printable(of)}, ", verdict)
