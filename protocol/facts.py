"""What a ledger holds: the latest of all that was said, by what it is about. Changed by `fold` and `Ledger.apply`."""

from __future__ import annotations

from dataclasses import dataclass, field

from protocol import bundle, control, critique, data, experiment, research, score
from protocol.brief import Brief
from protocol.experiment import Advised, Entry
from protocol.origin import Key, Origin
from protocol.schedule import Curve
from protocol.spending import Spent


@dataclass
class Facts:
    """Projected from the journal; holds no fact of its own."""

    brief: Brief | None = None
    review: research.Review | None = None
    plan: data.DataPlan | None = None
    eval: score.EvalReady | None = None
    floor: control.FloorBanked | None = None
    entries: dict[str, Entry] = field(default_factory=dict)
    proposals: dict[str, experiment.Proposal] = field(default_factory=dict)
    scored: dict[str, score.Scored] = field(default_factory=dict)
    tests: dict[str, score.Scored] = field(default_factory=dict)
    verdicts: list[critique.Verdict] = field(default_factory=list)
    shipped: list[score.Shipped] = field(default_factory=list)
    bundled: bundle.Bundled | None = None
    directive: experiment.Directive = field(default_factory=lambda: experiment.Directive(reason="begin"))
    closed: dict[str, str] = field(default_factory=dict)
    """Strategy → why its abort criterion fired."""
    tells: list[str] = field(default_factory=list)
    last_critique: critique.Critique | None = None
    advice: list[Advised] = field(default_factory=list)
    """What roles with a place of their own have said, oldest first."""
    unheard: set[str] = field(default_factory=set)
    """Of these, those that did not answer when they were asked last."""
    curves: dict[str, Curve] = field(default_factory=dict)
    ended: control.RunEnded | None = None
    cancelled: bool = False
    waiting: dict[str, str] = field(default_factory=dict)
    """What the user is asked to approve → what is shown with it; those that were answered left out."""
    scheduled: dict[str, None] = field(default_factory=dict)
    """Experiments that have a place in the queue, in the order of the Experimentalist's answers."""
    judged: set[str] = field(default_factory=set)
    """Experiments whose critique is settled, by the gate too where it was to decide."""
    diagnosed: set[str] = field(default_factory=set)
    """Failed jobs whose failure was explained."""
    checked: set[tuple[str, float]] = field(default_factory=set)
    """(job, check point) at which somebody looked."""
    lost: set[str] = field(default_factory=set)
    """Experiments that lost their rung."""
    sessions: list[tuple[float, float]] = field(default_factory=list)
    """(begin, last message) of each session, Unix time in seconds."""
    job_of: dict[str, str] = field(default_factory=dict)
    """Job → experiment."""
    busy_since: dict[str, float] = field(default_factory=dict)
    """Job → when a worker took it up, while it runs."""
    busy: list[tuple[float, float]] = field(default_factory=list)
    """Spans of time in which the device trained or scored."""
    first_job_at: float | None = None
    spent_by: dict[str, Spent] = field(default_factory=dict)
    """Role → what its language model has cost."""
    origins: dict[Key, Origin] = field(default_factory=dict)
    """What a fact is about → the last message that said it."""

    @property
    def incumbent(self) -> str | None:
        """Who is in `final_model/`."""
        return self.shipped[-1].candidate if self.shipped else None

    def change(self, id: str, **fields: object) -> None:
        """Change fields of an experiment's entry; nothing where there is none."""
        if id in self.entries:
            self.entries[id] = self.entries[id].model_copy(update=fields)
