"""What the scorer is asked and answers: scores with intervals, and paired comparisons item by item."""

from __future__ import annotations

import functools
from typing import Literal

from protocol.brief import Task
from protocol.data import Split
from protocol.item_origin import ItemOrigins
from protocol.message import Message, Part


class Decoding(Part):
    """How answers are generated; the same values ship in `generation_config.json` and `prompt.json`."""

    do_sample: bool = False
    temperature: float = 1.0
    top_p: float = 1.0
    max_new_tokens: int = 32
    shots: int = 0
    """Worked examples put before each prompt."""
    stop: tuple[str, ...] = ("\n",)
    benchmark: str | None = None
    """The metric, where it is a benchmark, which prompts and decodes by itself: nothing else here counts then."""

    def label(self) -> str:
        if self.benchmark is not None:
            return f"as {self.benchmark} does"
        way = f"T={self.temperature:g}" if self.do_sample else "greedy"
        return f"{way}, {self.shots}-shot"


@functools.total_ordering
class Score(Part):
    """A metric's mean with its 95 % interval (Wilson, 1927). Greater means better; a failure loses to all."""

    value: float
    low: float
    high: float
    n: int
    failed: str | None = None

    @classmethod
    def failure(cls, reason: str) -> Score:
        return cls(value=0.0, low=0.0, high=0.0, n=0, failed=reason)

    def _rank(self) -> tuple[bool, float]:
        return (self.failed is None, self.value)

    def __lt__(self, other: object) -> bool:
        return self._rank() < other._rank() if isinstance(other, Score) else NotImplemented

    def __str__(self) -> str:
        return self.failed or f"{self.value:.3f} [{self.low:.3f}, {self.high:.3f}]"


class PairedTest(Part):
    """Candidate against incumbent on the same items. Exact two-sided sign test on the discordant items
    (McNemar, 1947); the difference's 95 % interval from the paired standard error."""

    candidate: str
    incumbent: str
    n: int
    wins: int
    """Items that only the candidate has right."""
    losses: int
    difference: float
    low: float
    high: float
    p_value: float


class UnpairedTest(Part):
    """Candidate against incumbent where the benchmark tells means and standard errors, but not item by item: two-sided
    two-sample z-test, as in Miller 2024, arXiv:2411.00640. Its interval is wider than that of a paired test."""

    candidate: str
    incumbent: str
    n: int
    difference: float
    low: float
    high: float
    p_value: float


class PrepareEval(Message):
    """To the scorer, once a run: make the held-out splits, seal the test split, hash both."""

    type: Literal["prepare_eval"] = "prepare_eval"
    task: Task
    folder: str
    task_folder: str
    data_folder: str | None = None


class EvalReady(Message):
    """The held-out splits are in place."""

    type: Literal["eval_ready"] = "eval_ready"
    dev_rows: int
    test_rows: int
    dev_sha256: str
    test_sha256: str
    max_answer_tokens: int
    test_origin: ItemOrigins = ()
    """Where the items of test come from, as the harness of a benchmark says."""

    def headline(self) -> str:
        return f"dev {self.dev_rows} rows, test {self.test_rows} rows, sealed ({self.test_sha256[:12]})"


class ScoreRequest(Message):
    """Score a model folder with the decoding that would ship."""

    type: Literal["score_request"] = "score_request"
    candidate: str
    """Name of what is scored; outcomes are kept under it for later paired tests."""
    model: str
    decoding: Decoding
    split: Split = "dev"
    limit: int | None = None
    """Only the first so many items (the same ones for everybody)."""
    against: tuple[str, ...] = ()
    """Candidates scored before, to compare with item by item."""

    def headline(self) -> str:
        return f"score {self.candidate} on {self.split} ({self.decoding.label()})"


class Scored(Message):
    """A score, and how it compares."""

    type: Literal["scored"] = "scored"
    candidate: str
    model: str
    model_sha256: str
    split: Split
    split_sha256: str
    decoding: Decoding
    score: Score
    paired: tuple[PairedTest, ...] = ()
    unpaired: tuple[UnpairedTest, ...] = ()
    """Instead of `paired`, where outcomes of single items are not known."""
    seconds: float
    answers: tuple[tuple[str, str, str], ...] = ()
    """A few (prompt, expected, got) of *dev* for people to look at; empty for test."""

    def headline(self) -> str:
        return f"{self.candidate} scores {self.score} on {self.split} (n={self.score.n}, {self.decoding.label()})"

    def against(self, incumbent: str) -> PairedTest | None:
        return next((pair for pair in self.paired if pair.incumbent == incumbent), None)

    def compared(self, incumbent: str) -> PairedTest | UnpairedTest | None:
        """Item by item where that is known, else by the means alone."""
        alone = next((test for test in self.unpaired if test.incumbent == incumbent), None)
        return self.against(incumbent) or alone


class ShipRequest(Message):
    """Put this candidate into `final_model/`. Only an admitting verdict is accepted."""

    type: Literal["ship_request"] = "ship_request"
    candidate: str
    model: str
    model_sha256: str
    decoding: Decoding
    verdict: str
    """Id of the admitting `Verdict`'s message."""


class Shipped(Message):
    """`final_model/` now holds this candidate."""

    type: Literal["shipped"] = "shipped"
    candidate: str
    path: str
    sha256: str

    def headline(self) -> str:
        return f"final_model is now {self.candidate}"
