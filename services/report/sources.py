"""Ties each figure of the report to the message that it comes from, and lists those messages in an appendix."""

from __future__ import annotations

from dataclasses import dataclass, field

from protocol.ledger import Ledger
from protocol.origin import Key, Origin
from services.report.page import Cell, Code, Figure, Paragraph, Row, Section, Span, Spans, Table

TITLE = "Where the figures come from"


@dataclass
class Sources:
    """`figure(text, key, …)` while the sections are built; `appendix()` in the end."""

    ledger: Ledger
    _anchors: dict[str, str] = field(default_factory=dict)
    """Message id → anchor."""
    _messages: list[Origin] = field(default_factory=list)
    _derived: dict[tuple[str, tuple[str, ...]], str] = field(default_factory=dict)
    """(how it is reckoned, anchors of what from) → anchor."""

    def figure(self, text: object, *keys: Key, how: str = "") -> Figure:
        """`text`, tied to what stands in the ledger under `keys`. With `how` it is tied to an entry that says how it is
        reckoned, and from which messages."""
        anchors = tuple(anchor for key in dict.fromkeys(keys) if (anchor := self.anchor(key)))
        if not how:
            return Figure(str(text), anchors[0] if anchors else "")
        return Figure(str(text), self._derived.setdefault((how, anchors), f"d{len(self._derived) + 1}"))

    def anchor(self, key: Key) -> str:
        """Of the message under this key; "" where there is none."""
        origin = self.ledger.origins.get(key)
        if origin is None:
            return ""
        if origin.id not in self._anchors:
            self._messages.append(origin)
            self._anchors[origin.id] = f"s{len(self._messages)}"
        return self._anchors[origin.id]

    def appendix(self) -> Section | None:
        """None when no figure was told."""
        if not self._messages and not self._derived:
            return None
        days = {said.time.date() for said in self._messages}
        head, told = "said at (UTC)", "%Y-%m-%d %H:%M:%S"
        if len(days) == 1:
            head, told = f"said on {min(days)} (UTC)", "%H:%M:%S"
        messages = [self._message(number, said, told) for number, said in enumerate(self._messages, start=1)]
        blocks: list[Paragraph | Table] = [
            Paragraph(
                (
                    "All that was said in the run is in its journal; these are the messages behind the figures above. ",
                    Code("postdocs replay"),
                    " tells them in full.",
                )
            ),
            Table(("", head, "by", "kind", "in short", "message id"), tuple(messages), wide=True),
        ]
        if self._derived:
            rows = tuple(_derived(how, anchors, anchor) for (how, anchors), anchor in self._derived.items())
            blocks.append(Paragraph(("Figures that are reckoned from several messages:",)))
            blocks.append(Table(("", "how", "from"), rows))
        return Section(TITLE, tuple(blocks), folded=True)

    def _message(self, number: int, said: Origin, time: str) -> Row:
        cells: tuple[Cell, ...] = (
            f"s{number}",
            said.time.strftime(time),
            said.sender,
            said.type.replace("_", " "),
            shortened(said.headline),
            Code(said.id),
        )
        return Row(cells, anchor=f"s{number}")


LONGEST = 300


def shortened(text: str) -> str:
    """One line of a bounded length."""
    line = " ".join(text.split())
    return line if len(line) <= LONGEST else line[: LONGEST - 1] + "…"


def _derived(how: str, anchors: tuple[str, ...], anchor: str) -> Row:
    given: list[Span] = []
    for one in anchors:
        given += [", ", Figure(one, one)] if given else [Figure(one, one)]
    told: Spans = tuple(given) or ("all messages of the run",)
    return Row((anchor, how, told), anchor=anchor)
