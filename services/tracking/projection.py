"""The journal as records for trackers: each job, its figures, its alerts, its end, its score and the verdict on it."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

import yaml

from protocol import job, score
from protocol.control import RunEnded
from protocol.critique import Critique, Verdict
from protocol.envelope import Envelope
from protocol.ledger import Ledger
from protocol.message import Message, message_id
from services.tracking.record import Alerted, Point, Record, Summed, Tracked
from services.tracking.steps import Steps

CONFIG_FILE = "config.yaml"


class Projection:
    """Feed it the journal in order; it gives the records that follow from each message."""

    def __init__(self, provenance: dict[str, Any]) -> None:
        self._provenance = provenance
        self._ledger = Ledger()
        self._jobs: dict[str, job.Job] = {}
        self._tracked: dict[str, Tracked] = {}
        self._of: dict[str, Tracked] = {}
        """Experiment → its latest job."""
        self._step: dict[str, int] = {}
        self._steps: dict[str, Steps] = defaultdict(Steps)
        self._seen: set[str] = set()
        self._open: dict[str, Tracked] = {}

    def records(self, envelope: Envelope) -> list[Record]:
        """What the next message adds."""
        self._ledger.apply(envelope)
        said = envelope.data
        if isinstance(said, job.Job):
            self._jobs[said.id] = said
        elif isinstance(said, job.JobEvent):
            return self._of_a_job(said, envelope.id)
        elif isinstance(said, score.Scored) and said.split == "dev" and said.candidate in self._of:
            return self._scored(self._of[said.candidate], said, envelope.time.timestamp())
        elif isinstance(said, Critique | Verdict):
            return self._judged(said)
        elif isinstance(said, RunEnded):
            return [Summed(run, ended=True) for run in self._closed()]
        return []

    def _of_a_job(self, said: job.JobEvent, id: str) -> list[Record]:
        if isinstance(said, job.JobStarted):
            self._steps[said.job].started()
        if isinstance(said, job.JobStarted) and said.job in self._jobs and said.job not in self._tracked:
            run = self._begun(self._jobs[said.job], said.at)
            return [self._point(run, 0, {"job/start_seconds": said.warm_start_s}, said.at)]
        if said.job not in self._tracked:
            return []
        run = self._tracked[said.job]
        if isinstance(said, job.JobMetric):
            step = self._steps[said.job].at(said.step, said.values)
            point = self._point(run, step, said.values, said.at)
            if point.id in self._seen:  # a step that was done again, after the job's worker died
                return []
            self._seen.add(point.id)
            self._step[run.id] = max(step, self._step.get(run.id, 0))
            return [point]
        if isinstance(said, job.JobAlert):
            return [Alerted(run, id, said.rule, said.evidence, self._step.get(run.id, 0), said.at)]
        if isinstance(said, job.JobFinished | job.JobFailed | job.JobCancelled):
            return self._ended(run, said)
        return []

    def _begun(self, queued: job.Job, at: float) -> Tracked:
        name = queued.id.removeprefix(f"{queued.run}-")
        entry = self._ledger.entries.get(queued.experiment)
        experiment = entry.experiment if entry else None
        config: dict[str, Any] = {
            "experiment": experiment.model_dump(mode="json", exclude={"abort"}) if experiment else queued.experiment,
            "needs": queued.spec.needs.model_dump(exclude_none=True),
            "script": _config(queued.spec.files.get(CONFIG_FILE, "")) | {"argv": " ".join(queued.spec.argv)},
            **self._provenance,
        }
        group = f"{experiment.strategy}/rung {experiment.rung}" if experiment else ""
        run = Tracked(queued.run, queued.id, name, group, config, at)
        self._tracked[queued.id] = self._of[queued.experiment] = self._open[queued.id] = run
        return run

    def _point(self, run: Tracked, step: int, values: dict[str, float], at: float) -> Point:
        return Point(run, message_id(run.id, step, *sorted(values)), step, values, at)

    def _ended(self, run: Tracked, said: job.JobFinished | job.JobFailed | job.JobCancelled) -> list[Record]:
        status = said.type.removeprefix("job_")
        run.summary |= {"status": status, "seconds": said.seconds}
        if isinstance(said, job.JobFinished):
            run.summary |= {"steps": said.steps, "train_seconds": said.train_seconds, "model": said.model}
        else:
            run.summary |= {"reason": said.reason}
        waits = isinstance(said, job.JobFinished) or (isinstance(said, job.JobCancelled) and said.model is not None)
        if not waits:
            self._open.pop(run.id, None)
        return [Summed(run, ended=not waits, failed=isinstance(said, job.JobFailed))]

    def _scored(self, run: Tracked, said: score.Scored, at: float) -> list[Record]:
        figures = {"dev/score": said.score.value, "dev/low": said.score.low, "dev/high": said.score.high}
        if said.score.failed is not None:
            run.summary["dev/failed"] = said.score.failed
            return [Summed(run)]
        run.summary |= figures
        return [self._point(run, self._step.get(run.id, 0), figures, at), Summed(run)]

    def _judged(self, said: Message) -> list[Record]:
        """The Critic's word, which is the last unless it promotes; then the gate's is."""
        verdict: str
        if isinstance(said, Critique):
            experiment, verdict, last = said.experiment, said.verdict, said.verdict != "promote"
        else:
            assert isinstance(said, Verdict)
            experiment, verdict, last = said.candidate, "admitted" if said.admitted else "refused", True
        run = self._of.get(experiment)
        if run is None:
            return []
        run.summary["verdict"] = verdict
        if last:
            self._open.pop(run.id, None)
        return [Summed(run, ended=last)]

    def _closed(self) -> list[Tracked]:
        left, self._open = list(self._open.values()), {}
        return left


def _config(text: str) -> dict[str, Any]:
    """A script's config.yaml; empty where it is none. The Engineer wrote it, and it is shown, not used."""
    try:
        loaded = yaml.safe_load(text)
    except yaml.YAMLError:
        return {}
    return {str(key): value for key, value in loaded.items()} if isinstance(loaded, dict) else {}
