"""Messages for tests of the graph's logic, told with as few words as a test needs."""

from __future__ import annotations

from typing import Any

from protocol.brief import Brief, Task
from protocol.critique import Critique, Verdict
from protocol.data import Contamination, DataPlan, Mixture
from protocol.envelope import Envelope, wrap
from protocol.experiment import AbortCriterion, Directive, Experiment, Proposal, Proposals
from protocol.job import Job, JobAccepted, JobFailed, JobFinished, JobMetric, JobSpec, JobStarted
from protocol.ledger import Ledger
from protocol.message import Message
from protocol.schedule import Schedule, Slot
from protocol.score import Decoding, EvalReady, PairedTest, Score, Scored, Shipped

TASK = Task.model_validate(
    {
        "name": "t",
        "goal": "g",
        "base_model": "base",
        "prompt": "{a}",
        "answer": "{b}",
        "data": [{"name": "one", "file": "one.jsonl"}],
        "eval": {"dev": {"file": "dev.jsonl"}, "test": {"file": "test.jsonl"}},
        "target": 0.8,
        "budget": {"time": 100},
    }
)
CLEAN = Contamination(clean=True, rows_checked=10, test_overlap=0, dev_overlap=0)
JOB = JobSpec(files={"sft.py": ""}, argv=("sft.py",), seconds=10)


def said(message: Message, number: int = 0) -> Envelope:
    return wrap(message, run="r", sender="test", subject=str(number))


def ledger(*messages: Message) -> Ledger:
    return Ledger(said(message, number) for number, message in enumerate(messages))


def brief() -> Brief:
    return Brief(task=TASK, folder="/f", task_folder="/t")


def experiment(id: str, strategy: str = "sft", **more: Any) -> Experiment:
    fields: dict[str, Any] = {
        "id": id,
        "strategy": strategy,
        "hypothesis": "h",
        "recipe": {"learning_rate": 1e-3, "id": id},
        "seconds": 10.0,
        "abort": AbortCriterion(patience=2, min_gain=0.01, max_failures=2),
    }
    return Experiment.model_validate(fields | more)


def proposed(*experiments: Experiment) -> list[Message]:
    return [
        Proposals(proposals=tuple(Proposal(experiment=e, job=JOB) for e in experiments)),
        Schedule(slots=tuple(Slot(experiment=e.id, seconds=e.seconds) for e in experiments)),
    ]


def queued(id: str, attempt: int = 0) -> list[Message]:
    return [Job(id=f"r-{id}-{attempt}", run="r", experiment=id, folder="/f", spec=JOB, attempt=attempt)]


def running(id: str, at: float = 0.0, attempt: int = 0) -> list[Message]:
    job = f"r-{id}-{attempt}"
    return [
        *queued(id, attempt),
        JobAccepted(job=job, experiment=id, at=at, worker="w", device="cpu"),
        JobStarted(job=job, experiment=id, at=at, pid=1, warm_start_s=0.1),
    ]


def metric(id: str, step: int, loss: float, max_steps: int = 100) -> Message:
    return JobMetric(job=f"r-{id}-0", experiment=id, at=1.0, step=step, max_steps=max_steps, values={"loss": loss})


def trained(id: str, at: float = 0.0) -> list[Message]:
    done = JobFinished(
        job=f"r-{id}-0", experiment=id, at=at + 10, model=f"/m/{id}", steps=50, seconds=10, train_seconds=8
    )
    return [*running(id, at), done]


def failed(id: str, attempt: int = 0) -> list[Message]:
    end = JobFailed(job=f"r-{id}-{attempt}", experiment=id, at=10, exit_code=1, reason="boom")
    return [*running(id, attempt=attempt), end]


def score(value: float, n: int = 100) -> Score:
    return Score(value=value, low=max(0.0, value - 0.05), high=min(1.0, value + 0.05), n=n)


def paired(candidate: str, incumbent: str, difference: float, p_value: float) -> PairedTest:
    wins = round(max(0.0, difference) * 100) + 3
    return PairedTest(
        candidate=candidate,
        incumbent=incumbent,
        n=100,
        wins=wins,
        losses=3,
        difference=difference,
        low=difference - 0.03,
        high=difference + 0.03,
        p_value=p_value,
    )


def scored(id: str, value: float, *pairs: PairedTest, **more: Any) -> Scored:
    fields: dict[str, Any] = {
        "candidate": id,
        "model": f"/m/{id}",
        "model_sha256": id,
        "split": "dev",
        "split_sha256": "hash",
        "decoding": Decoding(),
        "score": score(value),
        "paired": pairs,
        "seconds": 1.0,
    }
    return Scored.model_validate(fields | more)


def critique(id: str, verdict: str = "hold", kind: str = "explore") -> Message:
    return Critique.model_validate(
        {"experiment": id, "verdict": verdict, "reason": "r", "directive": Directive.model_validate({"kind": kind})}
    )


def verdict(id: str, admitted: bool) -> Message:
    return Verdict(candidate=id, incumbent="base", admitted=admitted, score=score(0.5), noise_floor=0.0, checks=())


def shipped(id: str) -> Message:
    return Shipped(candidate=id, path="/f/final_model", sha256="x")


def eval_ready(dev: int = 100, test: int = 200) -> Message:
    return EvalReady(dev_rows=dev, test_rows=test, dev_sha256="hash", test_sha256="other", max_answer_tokens=8)


def plan(contamination: Contamination = CLEAN) -> Message:
    mixture = Mixture(
        name="m", path="/m.jsonl", sha256="x", rows=10, weights={"one": 10}, prompt_tokens_max=5, answer_tokens_max=5
    )
    return DataPlan(profiles=(), mixture=mixture, contamination=contamination)
