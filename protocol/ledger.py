"""The ledger: the table of a run's experiments, projected from its journal. It holds no fact of its own.

Read by the graph (to decide), by the roles (as a `Digest`), by the command line and the report (to tell).
"""

from __future__ import annotations

import math
from collections.abc import Iterable

from protocol import control, score
from protocol.advice import Advice
from protocol.brief import Task
from protocol.envelope import Envelope
from protocol.experiment import Advised, Digest, Entry
from protocol.facts import Facts
from protocol.fold import fold
from protocol.origin import keys, origin
from protocol.thought import Thought

DIGEST_ENTRIES = 60
"""How many experiments a digest tells of: the best half and the latest half of so many."""
DIGEST_ADVICE, ADVICE_CHARACTERS = 8, 600
"""Of so many roles the last word, and so much of it."""


class Ledger(Facts):
    """What stands in the journal so far. Feed it with `apply`, in order."""

    def __init__(self, envelopes: Iterable[Envelope] = ()) -> None:
        super().__init__()
        for envelope in envelopes:
            self.apply(envelope)

    # -- feeding ---------------------------------------------------------------------------------------------

    def apply(self, envelope: Envelope) -> None:
        """Take in the next message. What comes after the run's end (a worker that hears late of a cancel) is told in
        the journal, but changes no figure but one: who asks a role then (`postdocs ask`) pays for it as before."""
        if self.ended is not None:
            if isinstance(envelope.data, Thought):
                fold(envelope.data, self)
            return
        at = envelope.time.timestamp()
        if isinstance(envelope.data, control.RunStarted):
            self._begin_session(envelope.data.at)
        elif self.sessions:
            begun, last = self.sessions[-1]
            self.sessions[-1] = (begun, max(last, at))
        if isinstance(envelope.data, score.Scored):
            self.busy.append((at - envelope.data.seconds, at))
        if isinstance(envelope.data, Advice):
            self._hear(envelope.sender, envelope.data)
        self.origins |= {key: origin(envelope) for key in keys(envelope.data)}
        fold(envelope.data, self)

    def _begin_session(self, at: float) -> None:
        """A job that ran when the session before ended has no worker now: it waits for another."""
        for job_id, since in self.busy_since.items():
            self.busy.append((since, self.sessions[-1][1]))
            self.change(self.job_of.get(job_id, ""), status="queued")
        self.busy_since.clear()
        self.sessions.append((at, at))

    def _hear(self, role: str, advice: Advice) -> None:
        self.unheard.discard(role)
        if advice.text or advice.directive:
            self.advice.append(Advised(role=role, text=advice.text, directive=advice.directive))

    # -- reading ---------------------------------------------------------------------------------------------

    @property
    def task(self) -> Task:
        """The brief's task as roles are told it: with where the scorer found the items of a benchmark's test."""
        assert self.brief is not None, "the run has no brief in its journal"
        task = self.brief.task
        found = self.eval.test_origin if self.eval else ()
        if not found:
            return task
        origin = tuple(dict.fromkeys((*task.benchmark.origin, *found)))
        return task.model_copy(update={"benchmark": task.benchmark.model_copy(update={"origin": origin})})

    @property
    def incumbent_score(self) -> score.Score | None:
        name = self.incumbent
        return self.scored[name].score if name in self.scored else None

    @property
    def target_is_met(self) -> bool:
        """The whole 95 % interval of what ships lies at or above the target, on dev."""
        target = self.brief.task.target if self.brief else None
        score_now = self.incumbent_score
        return bool(target and score_now and score_now.low >= target)

    def running_since(self, job_id: str) -> float | None:
        """When a worker took the job up (Unix time), or None when none has it now."""
        return self.busy_since.get(job_id)

    def spent(self) -> float:
        """Seconds of work in all sessions but the running one's open end."""
        return sum(last - begun for begun, last in self.sessions)

    def with_status(self, *statuses: str) -> list[Entry]:
        return [entry for entry in self.entries.values() if entry.status in statuses]

    def noise_floor(self) -> float | None:
        """Pooled standard deviation of the dev score between seeds of one recipe, from repeated experiments.

        Two runs of a recipe that differ by d estimate its variance as d²/2; pairs are averaged. A pair that has nothing
        right, or everything, does not count: at its bound a score hides what the seed does.
        """
        squares = []
        for entry in self.entries.values():
            twin = self.entries.get(entry.experiment.repeats or "")
            if twin and _sound(entry) and _sound(twin) and entry.score and twin.score:
                pair = {entry.score.value, twin.score.value}
                if pair not in ({0.0}, {1.0}):
                    squares.append((max(pair) - min(pair)) ** 2 / 2)
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
        spans = self.busy + [(since, until) for since in self.busy_since.values()]
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
            seconds_left=seconds_left,
            score_seconds=self.score_seconds(),
            advice=tuple(self._last_words()),
        )

    def _last_words(self) -> list[Advised]:
        """Of each role the last, cut: a digest has a bounded size."""
        last: dict[str, Advised] = {}
        for said in self.advice:
            last.pop(said.role, None)
            last[said.role] = said
        recent = list(last.values())[-DIGEST_ADVICE:]
        return [said.model_copy(update={"text": said.text[:ADVICE_CHARACTERS]}) for said in recent]

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
