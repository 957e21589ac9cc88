"""The dialogue in one line a message: which messages a reader wants, and how a line looks.

Used by the live view, `watch` and `replay`.
"""

from __future__ import annotations

from rich.text import Text

from protocol.envelope import Envelope
from protocol.message import Message
from protocol.score import Scored
from protocol.telling import worth_a_line as worth_a_line
from services.cli.screen import printable

COLOURS = {
    "reviewer": "cyan",
    "curator": "green",
    "engineer": "yellow",
    "experimentalist": "blue",
    "critic": "magenta",
    "scorer": "bright_white",
    "user": "bright_red",
}
"""Who speaks → colour; everybody else is dim."""


def clock(seconds: float) -> str:
    """`75` as `1:15`; hours only where there are any."""
    whole = max(0, int(seconds))
    hours, minutes = divmod(whole // 60, 60)
    return f"{hours}:{minutes:02d}:{whole % 60:02d}" if hours else f"{minutes}:{whole % 60:02d}"


def line(envelope: Envelope, elapsed: float, headline: str | None = None) -> Text:
    """`1:15 critic → crew: promote e3 …`, coloured by who speaks; `headline` replaces the message's own."""
    colour = COLOURS.get(envelope.sender, "dim")
    text = Text(no_wrap=False)
    text.append(f"{clock(elapsed):>7}  ", style="dim")
    text.append(printable(envelope.sender), style=f"bold {colour}" if colour != "dim" else "bold")
    text.append(f" → {printable(envelope.recipient)}: ", style="dim")
    text.append(printable(headline or envelope.data.headline()), style=_weight(envelope.data, colour))
    return text


def _weight(message: Message, colour: str) -> str:
    """What decides stands out."""
    if message.type in ("shipped", "floor_banked", "run_ended"):
        return "bold green"
    if message.type in ("job_failed", "failure", "refused", "dead_letter", "strategy_closed"):
        return "red"
    return "default" if colour == "dim" or isinstance(message, Scored) else colour
