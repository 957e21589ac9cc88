"""Panel: what waits for the user's approval, and how to give it."""

from __future__ import annotations

from rich.text import Text

from services.cli.dashboard.frame import Frame
from services.cli.screen import printable


def lines(frame: Frame, width: int, height: int) -> list[Text]:
    """A line for each; none where nothing waits."""
    return [
        Text.assemble(
            (" waits for you ", "black on yellow"), f" {printable(about)}: ",
            (f"postdocs approve {frame.run}", "bold"), (" (--no refuses)", "dim"),
        )
        for about in frame.ledger.waiting
    ]  # fmt: skip
