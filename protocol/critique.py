"""What the Critic is asked and answers, and the gate's verdict: is it real, and what now?"""

from __future__ import annotations

from typing import Literal

from protocol.experiment import Digest, Directive, Entry
from protocol.message import Message, Part
from protocol.score import PairedTest, Score, Scored, UnpairedTest


class CritiqueRequest(Message):
    """Is it real, and what now?"""

    type: Literal["critique_request"] = "critique_request"
    entry: Entry
    scored: Scored | None = None
    """None when the experiment gave no model."""
    digest: Digest
    open_strategies: tuple[str, ...]
    target: float | None = None

    def headline(self) -> str:
        return f"is {self.entry.experiment.id} real, and what now?"


class Critique(Message):
    """The Critic's judgement; the gate has the last word on `promote`."""

    type: Literal["critique"] = "critique"
    experiment: str
    verdict: Literal["promote", "hold", "reject"]
    reason: str
    directive: Directive

    def headline(self) -> str:
        return f"{self.verdict} {self.experiment}: {self.reason}. Next {self.directive.kind}: {self.directive.reason}"


class Check(Part):
    """One condition of the gate, with its figure."""

    name: str
    passed: bool
    figure: str


class Verdict(Message):
    """The admission gate's decision on one candidate, with all its figures."""

    type: Literal["verdict"] = "verdict"
    candidate: str
    incumbent: str | None
    admitted: bool
    score: Score
    incumbent_score: Score | None = None
    paired: PairedTest | None = None
    unpaired: UnpairedTest | None = None
    """Instead of `paired`, where outcomes of single items are not known."""
    noise_floor: float
    checks: tuple[Check, ...]

    @property
    def test(self) -> PairedTest | UnpairedTest | None:
        """How it compares with the incumbent, item by item or by the means alone."""
        return self.paired or self.unpaired

    def refusal(self) -> str:
        """The conditions that did not hold, with their figures."""
        return "the gate refused it: " + "; ".join(f"{c.name}, {c.figure}" for c in self.checks if not c.passed)

    def headline(self) -> str:
        word = "admits" if self.admitted else "refuses"
        told = "; ".join(f"{'✓' if c.passed else '✗'} {c.name}: {c.figure}" for c in self.checks)
        return f"the gate {word} {self.candidate}. {told}"
