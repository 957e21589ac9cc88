"""The run itself: begun, resumed, told, cancelled, ended; and the small talk of services."""

from __future__ import annotations

from typing import Literal

from protocol.message import Message
from protocol.score import Score

Outcome = Literal["target_met", "target_missed", "better_than_floor", "floor_kept", "cancelled"]


class RunStarted(Message):
    """The clock runs: said at the start, and again at each resumption."""

    type: Literal["run_started"] = "run_started"
    session: int
    """0 at the start, then counts the resumptions."""
    at: float
    pid: int
    host: str

    def headline(self) -> str:
        return "the run begins" if self.session == 0 else f"the run goes on (session {self.session + 1})"


class FloorBanked(Message):
    """The untouched base model, at its best, is in `final_model/`: a run never ships worse than this."""

    type: Literal["floor_banked"] = "floor_banked"
    candidate: str
    score: Score
    decoding: str
    tried: dict[str, float]
    """Decoding → score on dev."""

    def headline(self) -> str:
        return f"floor banked: {self.score} ({self.decoding}; tried {len(self.tried)} ways)"


class StrategyClosed(Message):
    """A strategy's abort criterion has fired: the graph refuses more of the same."""

    type: Literal["strategy_closed"] = "strategy_closed"
    strategy: str
    reason: str

    def headline(self) -> str:
        return f"no more {self.strategy}: {self.reason}"


class Refused(Message):
    """The graph refuses a proposal, and says why."""

    type: Literal["refused"] = "refused"
    experiment: str
    reason: str

    def headline(self) -> str:
        return f"{self.experiment} refused: {self.reason}"


class Tell(Message):
    """The user tells the crew something in mid-run."""

    type: Literal["tell"] = "tell"
    text: str

    def headline(self) -> str:
        return self.text


class CancelRun(Message):
    """The user ends the run; its best so far stays in `final_model/`."""

    type: Literal["cancel_run"] = "cancel_run"
    reason: str = "asked by the user"


class RunEnded(Message):
    """How the run ended: the figures of the report."""

    type: Literal["run_ended"] = "run_ended"
    outcome: Outcome
    candidate: str
    floor: Score
    dev: Score
    test: Score
    target: float | None
    experiments: int
    killed: int
    promoted: int
    failed: int
    seconds: float
    busy: float
    """Share of the time between the first job's start and the report in which a job trained or was scored."""
    final_model: str
    fork_of: str | None = None
    """The run that this one was forked from, which has the same test split."""

    def headline(self) -> str:
        return f"{self.outcome.replace('_', ' ')}: ships {self.candidate}, test {self.test}, floor {self.floor}"


class Published(Message):
    """The user had what ships uploaded to a private repository of the Hugging Face Hub."""

    type: Literal["published"] = "published"
    candidate: str
    repository: str
    commit: str
    url: str
    sha256: str
    """Of the model, as it was scored and shipped."""

    def headline(self) -> str:
        return f"{self.candidate} was uploaded to {self.url} (private, commit {self.commit[:12]})"


class Tracking(Message):
    """Where the run's jobs are tracked; or, once, why a tracker keeps no record of them any more."""

    type: Literal["tracking"] = "tracking"
    tracker: str
    where: str = ""
    failed: str | None = None

    def headline(self) -> str:
        if self.failed is not None:
            return f"{self.tracker} keeps no record of this run any more: {self.failed}"
        return f"tracked in {self.where}"


class Working(Message):
    """A service has a request and is at it: sent at once, then as a heartbeat."""

    type: Literal["working"] = "working"
    by: str
    beat: int = 0


class Failure(Message):
    """A service could not answer."""

    type: Literal["failure"] = "failure"
    error: str
    detail: str = ""
    exit_code: int = 4
    """What the command line ends with: 2 when it is the user's to mend."""

    def headline(self) -> str:
        return self.error


class DeadLetter(Message):
    """Something that did not parse, or could not be handled, and why."""

    type: Literal["dead_letter"] = "dead_letter"
    subject: str
    reason: str
    payload: str
    """The first 4,000 characters."""

    def headline(self) -> str:
        return f"dead letter from {self.subject}: {self.reason}"
