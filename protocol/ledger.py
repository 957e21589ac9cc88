"""The ledger: the table of a run's experiments, projected from its journal. It holds no fact of its own.

Read by the graph (to decide), by the roles (as a `Digest`), by the command line and the report (to tell).
"""

from __future__ import annotations

import functools
import math
from collections.abc import Iterable

from protocol import control, critique, data, experiment, job, research, score
from protocol.brief import Brief
from protocol.envelope import Envelope
from protocol.experiment import Digest, Entry
from protocol.message import Message
from protocol.schedule import Curve, Diagnosis, RungVerdict, Schedule

DIGEST_ENTRIES = 60
"""How many experiments a digest tells of: the best half and the latest half of so many."""
CURVE_POINTS = 200
"""Points kept of a loss curve; beyond, every other one is dropped."""


class Ledger:
    """What stands in the journal so far. Feed it with `apply`, in order."""

    def __init__(self, envelopes: Iterable[Envelope] = ()) -> None:
        self.brief: Brief | None = None
        self.review: research.Review | None = None
        self.plan: data.DataPlan | None = None
        self.eval: score.EvalReady | None = None
        self.floor: control.FloorBanked | None = None
        self.entries: dict[str, Entry] = {}
        self.proposals: dict[str, experiment.Proposal] = {}
        self.scored: dict[str, score.Scored] = {}
        self.tests: dict[str, score.Scored] = {}
        self.verdicts: list[critique.Verdict] = []
        self.shipped: list[score.Shipped] = []
        self.directive = experiment.Directive(reason="begin")
        self.closed: dict[str, str] = {}
        self.tells: list[str] = []
        self.curves: dict[str, Curve] = {}
        self.ended: control.RunEnded | None = None
        self.cancelled = False
        self.scheduled: set[str] = set()
        self.judged: set[str] = set()
        self.diagnosed: set[str] = set()
        self.checked: set[tuple[str, float]] = set()
        self.lost: set[str] = set()
        self.sessions: list[tuple[float, float]] = []
        self._job_of: dict[str, str] = {}
        self._busy_since: dict[str, float] = {}
        self._busy: list[tuple[float, float]] = []
        self.first_job_at: float | None = None
        for envelope in envelopes:
            self.apply(envelope)

    # -- feeding ---------------------------------------------------------------------------------------------

    def apply(self, envelope: Envelope) -> None:
        """Take in the next message. What comes after the run's end (a worker that hears late of a cancel) is told in
        the journal, but changes no figure."""
        if self.ended is not None:
            return
        at = envelope.time.timestamp()
        if isinstance(envelope.data, control.RunStarted):
            self._begin_session(envelope.data.at)
        elif self.sessions:
            begun, last = self.sessions[-1]
            self.sessions[-1] = (begun, max(last, at))
        if isinstance(envelope.data, score.Scored):
            self._busy.append((at - envelope.data.seconds, at))
        _fold(envelope.data, self)

    def _begin_session(self, at: float) -> None:
        """A job that ran when the session before ended has no worker now: it waits for another."""
        for job_id, since in self._busy_since.items():
            self._busy.append((since, self.sessions[-1][1]))
            self.change(self._job_of.get(job_id, ""), status="queued")
        self._busy_since.clear()
        self.sessions.append((at, at))

    def change(self, id: str, **fields: object) -> None:
        if id in self.entries:
            self.entries[id] = self.entries[id].model_copy(update=fields)

    # -- reading ---------------------------------------------------------------------------------------------

    @property
    def incumbent(self) -> str | None:
        """Who is in `final_model/`."""
        return self.shipped[-1].candidate if self.shipped else None

    @property
    def incumbent_score(self) -> score.Score | None:
        name = self.incumbent
        return self.scored[name].score if name in self.scored else None

    @property
    def directive_meets_target(self) -> bool:
        """The Critic said stop because the target is met, not because nothing is left to try."""
        target = self.brief.task.target if self.brief else None
        score_now = self.incumbent_score
        return bool(target and score_now and score_now.low >= target)

    def running_since(self, job_id: str) -> float | None:
        """When a worker took the job up (Unix time), or None when none has it now."""
        return self._busy_since.get(job_id)

    def spent(self) -> float:
        """Seconds of work in all sessions but the running one's open end."""
        return sum(last - begun for begun, last in self.sessions)

    def with_status(self, *statuses: str) -> list[Entry]:
        return [entry for entry in self.entries.values() if entry.status in statuses]

    def noise_floor(self) -> float | None:
        """Pooled standard deviation of the dev score between seeds of one recipe, from repeated experiments.

        Two runs of a recipe that differ by d estimate its variance as d²/2; pairs are averaged.
        """
        squares = []
        for entry in self.entries.values():
            twin = self.entries.get(entry.experiment.repeats or "")
            if twin and _sound(entry) and _sound(twin) and entry.score and twin.score:
                squares.append((entry.score.value - twin.score.value) ** 2 / 2)
        return math.sqrt(sum(squares) / len(squares)) if squares else None

    def lineage(self, id: str) -> list[str]:
        """The experiment and those whose weights it goes on from, nearest first."""
        chain: list[str] = []
        step: str | None = id
        while step is not None and step in self.entries and step not in chain:
            chain.append(step)
            step = self.entries[step].experiment.parent
        return chain

    def busy_share(self, until: float) -> float:
        """Share of the time from the first job's start in which the device trained or scored; 0 without jobs.

        Time between sessions (a run that was killed and resumed) does not count.
        """
        if self.first_job_at is None or until <= self.first_job_at:
            return 0.0
        windows = [(max(a, self.first_job_at), b) for a, b in self.sessions if b > self.first_job_at]
        if windows:
            windows[-1] = (windows[-1][0], max(windows[-1][1], until))
        spans = self._busy + [(since, until) for since in self._busy_since.values()]
        total = sum(b - a for a, b in windows)
        covered = sum(_covered(window, spans) for window in windows)
        return covered / total if total > 0 else 0.0

    def score_seconds(self) -> float:
        """What scoring a candidate on all of dev takes: the median of the last ones, by their pace."""
        rows = self.eval.dev_rows if self.eval else 0
        latest = [scored for scored in self.scored.values() if scored.score.n][-5:]
        times = sorted(scored.seconds / scored.score.n * rows for scored in latest)
        return times[len(times) // 2] if times else 0.0

    def ended_count(self) -> int:
        """How many experiments have come to an end, of whatever kind: when it grows, there is something new to say."""
        return len(self.with_status("scored", "failed", "killed", "cancelled"))

    def digest(self, seconds_left: float) -> Digest:
        """A bounded summary for a role."""
        return Digest(
            floor=self.floor.score if self.floor else None,
            incumbent=self.incumbent,
            incumbent_score=self.incumbent_score,
            entries=tuple(self._notable()),
            noise_floor=self.noise_floor(),
            strategies_closed=dict(self.closed),
            seconds_spent=self.spent(),
            seconds_left=seconds_left,
            score_seconds=self.score_seconds(),
        )

    def _notable(self) -> list[Entry]:
        entries = list(self.entries.values())
        half = DIGEST_ENTRIES // 2
        if len(entries) <= DIGEST_ENTRIES:
            return entries
        latest = entries[-half:]
        rest = sorted((e for e in entries[:-half] if e.score), key=lambda e: e.score.value if e.score else 0)
        keep = {e.experiment.id for e in [*rest[-half:], *latest]}
        return [e for e in entries if e.experiment.id in keep]

    def rows(self) -> list[dict[str, object]]:
        """The ledger as plain data: one row an experiment, as in `ledger.jsonl`."""
        return [entry.model_dump(mode="json") for entry in self.entries.values()]


def _sound(entry: Entry) -> bool:
    return entry.status == "scored" and entry.score is not None and entry.score.failed is None


def _covered(window: tuple[float, float], spans: list[tuple[float, float]]) -> float:
    """Seconds of `window` in the union of `spans`."""
    clipped = sorted((max(a, window[0]), min(b, window[1])) for a, b in spans)
    total, end = 0.0, window[0]
    for begin, stop in clipped:
        if stop > end:
            total += stop - max(begin, end)
            end = stop
    return total


# -- how each message changes the ledger -------------------------------------------------------------------------


@functools.singledispatch
def _fold(message: Message, ledger: Ledger) -> None:
    """Most messages change nothing."""


@_fold.register
def _(message: Brief, ledger: Ledger) -> None:
    ledger.brief = message


@_fold.register
def _(message: research.Review, ledger: Ledger) -> None:
    ledger.review = message


@_fold.register
def _(message: data.DataPlan, ledger: Ledger) -> None:
    ledger.plan = message


@_fold.register
def _(message: score.EvalReady, ledger: Ledger) -> None:
    ledger.eval = message


@_fold.register
def _(message: control.FloorBanked, ledger: Ledger) -> None:
    ledger.floor = message


@_fold.register
def _(message: experiment.Proposals, ledger: Ledger) -> None:
    for proposal in message.proposals:
        _propose(ledger, proposal)


def _propose(ledger: Ledger, proposal: experiment.Proposal) -> None:
    id = proposal.experiment.id
    ledger.proposals[id] = proposal
    ledger.entries.setdefault(id, Entry(experiment=proposal.experiment))


@_fold.register
def _(message: control.Refused, ledger: Ledger) -> None:
    if message.experiment in ledger.entries and ledger.entries[message.experiment].status == "proposed":
        ledger.change(message.experiment, status="cancelled", reason=message.reason)


@_fold.register
def _(message: job.Job, ledger: Ledger) -> None:
    ledger._job_of[message.id] = message.experiment
    ledger.curves.pop(message.experiment, None)
    attempts = ledger.entries[message.experiment].attempts + 1 if message.experiment in ledger.entries else 1
    ledger.change(message.experiment, status="queued", job=message.id, attempts=attempts)


@_fold.register
def _(message: job.JobAccepted, ledger: Ledger) -> None:
    ledger._busy_since[message.job] = message.at
    ledger.change(message.experiment, status="running", device=message.device)


@_fold.register
def _(message: job.JobStarted, ledger: Ledger) -> None:
    ledger.first_job_at = ledger.first_job_at or message.at


@_fold.register
def _(message: job.JobMetric, ledger: Ledger) -> None:
    loss = message.values.get("loss")
    entry = ledger.entries.get(message.experiment)
    if loss is None or entry is None:
        return
    before = ledger.curves.get(message.experiment)
    steps, losses = (before.steps, before.losses) if before else ((), ())
    if len(steps) >= CURVE_POINTS:  # thinned, so that the early part stays comparable
        steps, losses = steps[::2], losses[::2]
    ledger.curves[message.experiment] = Curve(
        experiment=message.experiment,
        rung=entry.experiment.rung,
        max_steps=message.max_steps,
        steps=(*steps, message.step),
        losses=(*losses, loss),
    )
    ledger.change(message.experiment, steps=message.step, loss=loss)


def _end(ledger: Ledger, message: job.JobEvent, **fields: object) -> None:
    since = ledger._busy_since.pop(message.job, None)
    if since is not None:
        ledger._busy.append((since, message.at))
    ledger.change(message.experiment, **fields)


@_fold.register
def _(message: job.JobFinished, ledger: Ledger) -> None:
    pace = message.steps / message.train_seconds if message.train_seconds > 0 else None
    _end(
        ledger,
        message,
        status="trained",
        model=message.model,
        steps=message.steps,
        seconds=message.seconds,
        loss=message.loss,
        steps_per_second=pace,
    )


@_fold.register
def _(message: job.JobFailed, ledger: Ledger) -> None:
    _end(ledger, message, status="failed", reason=message.reason, seconds=message.seconds)


@_fold.register
def _(message: job.JobCancelled, ledger: Ledger) -> None:
    status = "trained" if message.model else "killed" if message.experiment in ledger.lost else "cancelled"
    _end(ledger, message, status=status, model=message.model, reason=message.reason, seconds=message.seconds)


@_fold.register
def _(message: job.JobGivenBack, ledger: Ledger) -> None:
    _end(ledger, message, status="queued")


@_fold.register
def _(message: job.CancelJob, ledger: Ledger) -> None:
    if message.experiment in ledger.entries and ledger.entries[message.experiment].status == "queued":
        ledger.change(message.experiment, status="cancelled", reason=message.reason)


@_fold.register
def _(message: score.Scored, ledger: Ledger) -> None:
    if message.split == "test":
        ledger.tests[message.candidate] = message
        return
    ledger.scored[message.candidate] = message
    paired = message.against(ledger.incumbent or "")
    ledger.change(message.candidate, status="scored", score=message.score, model=message.model, paired=paired)


@_fold.register
def _(message: Schedule, ledger: Ledger) -> None:
    for slot in message.slots:
        ledger.scheduled.add(slot.experiment)
        proposal = ledger.proposals.get(slot.experiment)
        if proposal and proposal.job is None:  # nothing to train: the weights are its parent's, or the base's
            parent = ledger.entries.get(proposal.experiment.parent or "")
            ledger.change(slot.experiment, status="trained", model=parent.model if parent else None)
    for id, why in message.left_out.items():
        ledger.change(id, status="cancelled", reason=why)


@_fold.register
def _(message: RungVerdict, ledger: Ledger) -> None:
    entry = ledger.entries.get(message.experiment)
    if entry is not None:
        ledger.checked.add((entry.job or "", message.check_point))
        if not message.keep:
            ledger.lost.add(message.experiment)


@_fold.register
def _(message: Diagnosis, ledger: Ledger) -> None:
    ledger.diagnosed.add(message.job)
    if message.retry is not None:
        ledger.proposals[message.experiment] = message.retry
        ledger.change(message.experiment, status="proposed", reason=message.remedy, experiment=message.retry.experiment)


@_fold.register
def _(message: critique.Critique, ledger: Ledger) -> None:
    ledger.directive = message.directive
    if message.verdict != "promote":
        ledger.judged.add(message.experiment)
    ledger.change(message.experiment, verdict=message.verdict, reason=message.reason)


@_fold.register
def _(message: critique.Verdict, ledger: Ledger) -> None:
    ledger.verdicts.append(message)
    if not message.admitted:
        ledger.judged.add(message.candidate)
        if ledger.directive.kind == "stop":  # it was to stop because of this one
            changes = {"kind": "explore", "reason": f"the gate refused {message.candidate}"}
            ledger.directive = ledger.directive.model_copy(update=changes)
    ledger.change(message.candidate, verdict="promote" if message.admitted else "reject")


@_fold.register
def _(message: score.Shipped, ledger: Ledger) -> None:
    ledger.shipped.append(message)
    ledger.judged.add(message.candidate)


@_fold.register
def _(message: control.StrategyClosed, ledger: Ledger) -> None:
    ledger.closed[message.strategy] = message.reason


@_fold.register
def _(message: control.Tell, ledger: Ledger) -> None:
    ledger.tells.append(message.text)


@_fold.register
def _(message: control.CancelRun, ledger: Ledger) -> None:
    ledger.cancelled = True


@_fold.register
def _(message: control.RunEnded, ledger: Ledger) -> None:
    ledger.ended = message
