"""What the Engineer proposes: experiments, each of a strategy, each with a machine-checked abort criterion."""

from __future__ import annotations

from typing import Literal, get_args

from protocol.artifact import Ref
from protocol.brief import Task
from protocol.data import Mixture
from protocol.job import JobSpec
from protocol.message import Message, Part
from protocol.research import ModelFacts, Technique
from protocol.score import Decoding, PairedTest, Score

Strategy = Literal["decoding", "sft", "lora", "rejection_sampling", "grpo", "preference", "distillation", "data"]
STRATEGIES: tuple[str, ...] = get_args(Strategy)
Value = str | int | float | bool | None
Status = Literal["proposed", "queued", "running", "trained", "scored", "failed", "killed", "cancelled"]


class AbortCriterion(Part):
    """When to give up on a strategy, checked by code: after `patience` scored experiments of it in a row
    without a gain of `min_gain` over the best before them, or `max_failures` failures in a row."""

    patience: int = 4
    min_gain: float = 0.01
    max_failures: int = 3


class Experiment(Part):
    """One thing to try."""

    id: str
    strategy: Strategy
    hypothesis: str
    recipe: dict[str, Value]
    """The numbers, under TRL's own names."""
    rung: int = 0
    """Step of the successive-halving ladder (Jamieson and Talwalkar, 2016, arXiv:1502.07943)."""
    parent: str | None = None
    """The experiment whose weights this one starts from; None for the base model."""
    repeats: str | None = None
    """The experiment that this one repeats under another seed, to measure the noise floor."""
    seed: int = 0
    decoding: Decoding = Decoding()
    abort: AbortCriterion = AbortCriterion()
    seconds: float
    """What it may cost on the device."""


class Entry(Part):
    """An experiment and what became of it: one line of the ledger."""

    experiment: Experiment
    status: Status = "proposed"
    job: str | None = None
    model: str | None = None
    artifact: Ref | None = None
    """Its model in the artifact store, when a worker has put it there."""
    score: Score | None = None
    paired: PairedTest | None = None
    """Against the incumbent of the time."""
    verdict: str | None = None
    """promote, hold or reject, by the gate."""
    reason: str = ""
    steps: int = 0
    seconds: float = 0.0
    """Time on the device."""
    loss: float | None = None
    device: str | None = None
    usd_per_hour: float | None = None
    """What its machine is rented for; None where nobody is paid by the hour."""
    attempts: int = 0


DirectiveKind = Literal["explore", "exploit", "change_strategy", "more_data", "stop"]


class Directive(Part):
    """Where to go next, by the Critic."""

    kind: DirectiveKind = "explore"
    strategy: Strategy | None = None
    reason: str = ""


class Advised(Part):
    """What a role with a place of its own has said."""

    role: str
    text: str
    directive: Directive | None = None
    """Where it would go next."""


class Digest(Part):
    """What a role needs to know of the past, of bounded size: made from the ledger, self-contained."""

    floor: Score | None = None
    incumbent: str | None = None
    incumbent_score: Score | None = None
    entries: tuple[Entry, ...] = ()
    noise_floor: float | None = None
    """Standard deviation of the score between seeds of one recipe; None until measured."""
    strategies_closed: dict[str, str] = {}
    """Strategy → why its abort criterion fired."""
    seconds_left: float = 0.0
    """For training: what verify and report need is taken off already."""
    score_seconds: float = 0.0
    """What scoring one candidate on dev takes."""
    advice: tuple[Advised, ...] = ()
    """The last word of each role with a place of its own, the newest last."""


class ProposeRequest(Message):
    """What shall we try next?"""

    type: Literal["propose_request"] = "propose_request"
    task: Task
    folder: str
    task_folder: str
    base_model: str
    model: ModelFacts = ModelFacts()
    techniques: tuple[Technique, ...] = ()
    mixture: Mixture
    decoding: Decoding
    digest: Digest
    directive: Directive
    seed: int = 0
    """Of the run: what is drawn at random begins here."""
    slots: int = 1
    """How many experiments to propose at most."""
    tells: tuple[str, ...] = ()
    """What the user told the crew in the course of the run, oldest first."""

    def headline(self) -> str:
        return f"what next? {self.directive.kind}: {self.directive.reason or 'begin'}"


class Proposal(Part):
    """An experiment and the job that carries it out (None where nothing has to be trained)."""

    experiment: Experiment
    job: JobSpec | None = None


class Proposals(Message):
    """Experiments to run, in order of preference."""

    type: Literal["proposals"] = "proposals"
    proposals: tuple[Proposal, ...]
    reason: str = ""
    exhausted: bool = False
    """True when the Engineer has nothing more to propose under this directive."""

    def headline(self) -> str:
        told = "; ".join(f"{p.experiment.id}: {p.experiment.hypothesis}" for p in self.proposals)
        return told or f"nothing to propose: {self.reason}"
