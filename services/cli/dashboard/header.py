"""The first lines of the screen: which run, how it stands, and how much time is left; and the last: the keys."""

from __future__ import annotations

from rich.text import Text

from services.cli.dashboard import budgets, plan
from services.cli.dashboard.boxes import bar
from services.cli.dashboard.frame import Frame
from services.cli.screen import printable

BAR = 10
OUTCOMES = {"target_met": "bold green", "better_than_floor": "bold green", "cancelled": "bold yellow"}


def lines(frame: Frame) -> list[Text]:
    """Three lines: run and time; floor, what ships and target; minds and data."""
    ledger = frame.ledger
    share, time, style = budgets.time(frame)
    first = Text.assemble((printable(frame.run), "bold"), "  ", _state(frame), "  ", bar(share, BAR, style), f" {time}")
    if ledger.brief:
        first.append(f"   {printable(ledger.brief.task.goal)}", style="dim")
    third = Text.assemble((f"{budgets.summary(frame)}  ·  data: ", "dim"), plan.summary(frame))
    return [first, _standing(frame), third]


def _state(frame: Frame) -> Text:
    ended = frame.ledger.ended
    if ended is not None:
        return Text(ended.outcome.replace("_", " "), style=OUTCOMES.get(ended.outcome, "bold red"))
    if not frame.going:
        return Text(f"stopped, go on by postdocs resume {printable(frame.run)}", style="bold yellow")
    return Text("running", style="bold blue")


def _standing(frame: Frame) -> Text:
    ledger = frame.ledger
    told = Text()
    if ledger.floor:
        told.append(f"floor {ledger.floor.score.value:.3f}", style="white")
    else:
        told.append("floor not banked yet", style="dim")
    if ledger.incumbent and ledger.incumbent_score:
        told.append("  ·  ships ", style="dim")
        told.append(f"{printable(ledger.incumbent)} {ledger.incumbent_score}", style="bold green")
        told.append(" on dev", style="dim")
    target = ledger.brief.task.target if ledger.brief else None
    if target is not None:
        told.append("  ·  ", style="dim").append(f"target {target:.3f}", style="yellow")
    if ledger.ended:
        told.append("  ·  ", style="dim").append(f"test {ledger.ended.test}", style="bold magenta")
    return told


def footer(frame: Frame, page: str, pages: tuple[str, ...], width: int) -> Text:
    """The pages by number, and how to leave; more of it where there is room."""
    told = Text()
    for number, name in enumerate(pages, start=1):
        told.append(f"{number}", style="bold").append(f" {name}", style="reverse" if name == page else "dim").append(
            " "
        )
    told.append(" q quits", style="dim")
    for part in ("; the run goes on" if frame.going else "", "   ↑↓ scroll"):
        if told.cell_len + len(part) <= width:
            told.append(part, style="dim")
    return told
