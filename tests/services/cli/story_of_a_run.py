"""A small but complete run in realistic messages: what a crew says from the brief to the end.

Written as a script that one can read: it is what the tests of the command line and of the report look at.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

from protocol import bundle, control, critique, data, experiment, job, research, schedule, score
from protocol.brief import Brief, Task
from protocol.envelope import Envelope, wrap
from protocol.message import Message, message_id

BEGUN = datetime(2026, 3, 1, 12, 0, 0, tzinfo=UTC)
RUN = "dates-0301-a1b2"

TASK = Task.model_validate(
    {
        "name": "dates",
        "goal": "Write a date as ISO 8601.",
        "base_model": "tiny",
        "prompt": "{text} ->",
        "answer": " {iso}",
        "data": [{"name": "clean", "file": "clean.jsonl"}, {"name": "leaking", "file": "leaking.jsonl"}],
        "eval": {"dev": {"file": "dev.jsonl"}, "test": {"file": "test.jsonl"}},
        "target": 0.85,
        "budget": {"time": "5m"},
    }
)


def value(x: float, n: int = 500) -> score.Score:
    return score.Score(value=x, low=max(0.0, x - 0.03), high=min(1.0, x + 0.03), n=n)


def paired(candidate: str, incumbent: str, difference: float) -> score.PairedTest:
    return score.PairedTest(
        candidate=candidate,
        incumbent=incumbent,
        n=500,
        wins=200,
        losses=12,
        difference=difference,
        low=difference - 0.04,
        high=difference + 0.04,
        p_value=1e-9,
    )


class Told:
    """Collects envelopes, a given number of seconds apart."""

    def __init__(self, run: str) -> None:
        self.run, self.seconds, self.envelopes = run, 0.0, list[Envelope]()

    @property
    def at(self) -> float:
        return (BEGUN + timedelta(seconds=self.seconds)).timestamp()

    def say(self, sender: str, message: Message, after: float = 1.0, recipient: str = "crew") -> Envelope:
        self.seconds += after
        id = message_id(self.run, len(self.envelopes), message.type)
        envelope = wrap(message, run=self.run, sender=sender, recipient=recipient, id=id)
        envelope = envelope.model_copy(update={"time": BEGUN + timedelta(seconds=self.seconds)})
        self.envelopes.append(envelope)
        return envelope


def scored(name: str, x: float, split: data.Split = "dev", against: str | None = None, lead: float = 0) -> score.Scored:
    return score.Scored(
        candidate=name,
        model=f"/runs/{name}",
        model_sha256="ab" * 32,
        split=split,
        split_sha256="cd" * 32,
        decoding=score.Decoding(),
        score=value(x, 1000 if split == "test" else 500),
        paired=(paired(name, against, lead),) if against else (),
        seconds=2.0,
    )


def trial(id: str, hypothesis: str, **fields: object) -> experiment.Proposal:
    recipe = {"learning_rate": 0.003, "max_steps": 400}
    given = {"strategy": "sft", "seconds": 30.0} | fields
    return experiment.Proposal(
        experiment=experiment.Experiment.model_validate({"id": id, "hypothesis": hypothesis, "recipe": recipe} | given)
    )


def opening(told: Told, folder: Path) -> None:
    """From the brief to the floor."""
    where = {"folder": str(folder), "task_folder": str(folder)}
    told.say("user", Brief(task=TASK, **where), 0)
    told.say("crew", control.RunStarted(session=0, at=told.at, pid=1, host="here"), 0)
    told.say(
        "scorer",
        score.EvalReady(dev_rows=500, test_rows=1000, dev_sha256="d" * 64, test_sha256="e" * 64, max_answer_tokens=12),
    )
    told.say("crew", research.ReviewRequest(task=TASK, **where), recipient="reviewer")
    cited = research.Citation(title="LoRA", authors="Hu et al.", year=2021, arxiv="2106.09685")
    technique = research.Technique(
        id="sft",
        name="full fine-tuning",
        strategy="sft",
        summary="train it all",
        why="the model is small",
        citations=(cited,),
    )
    told.say("reviewer", research.Review(summary="A short-answer task.", techniques=(technique,)))
    told.say("curator", plan())
    told.say("scorer", scored("floor", 0.02))
    told.say("scorer", score.Shipped(candidate="floor", path="/runs/final_model", sha256="ab" * 32))
    tried = {"greedy, 0-shot": 0.02, "greedy, 3-shot": 0.01}
    told.say("crew", control.FloorBanked(candidate="floor", score=value(0.02), decoding="greedy, 0-shot", tried=tried))


def plan() -> data.DataPlan:
    overlap = data.Overlap(name="leaking", rows=8000, dev_exact=0, dev_near=1, test_exact=290, test_near=10)
    return data.DataPlan(
        profiles=(
            data.SourceProfile(name="clean", rows=8000, bytes=10, columns=("text", "iso"), license="CC0-1.0"),
            data.SourceProfile(
                name="leaking", rows=8000, bytes=10, columns=("text", "iso"), overlap=overlap, label_noise=0.01
            ),
        ),
        mixture=data.Mixture(
            name="mix", path="data/mix.jsonl", sha256="f" * 64, rows=8000, weights={"clean": 8000},
            prompt_tokens_max=30, answer_tokens_max=12,
        ),
        rejected=(
            data.Rejection(
                source="leaking", fault="leaking", rows=8000, whole=True, reason="300 of 8000 rows stand in test"
            ),
        ),
        contamination=data.Contamination(clean=True, rows_checked=8000, test_overlap=0, dev_overlap=0),
        summary="clean alone is enough.",
    )  # fmt: skip


def job_of(told: Told, id: str, seconds: float = 20.0) -> None:
    """One job, from the queue to its model."""
    spec = job.JobSpec(files={}, argv=("sft.py",), seconds=30)
    told.say("crew", job.Job(id=f"j-{id}", run=told.run, experiment=id, folder=f"/runs/jobs/{id}", spec=spec))
    who = {"job": f"j-{id}", "experiment": id}
    told.say("worker", job.JobAccepted(**who, at=told.at, worker="w1", device="cpu"), 0)
    told.say("worker", job.JobStarted(**who, at=told.at, pid=7, warm_start_s=0.05), 0)
    told.say("worker", job.JobMetric(**who, at=told.at, step=200, max_steps=400, values={"loss": 0.9}), seconds)
    told.say(
        "worker",
        job.JobFinished(
            **who, at=told.at, model=f"/runs/{id}", steps=400, seconds=seconds, train_seconds=seconds, loss=0.2
        ),
        0,
    )


def judged(told: Told, id: str, incumbent: str, x: float, lead: float, admitted: bool) -> None:
    """Its score, the Critic's praise, the gate's verdict, and its shipping where it is admitted."""
    told.say("scorer", scored(id, x, against=incumbent, lead=lead), 2)
    directive = experiment.Directive(kind="exploit", strategy="sft", reason="it still climbs")
    praise = f"{lead:+.3f} against {incumbent}: real"
    told.say("critic", critique.Critique(experiment=id, verdict="promote", reason=praise, directive=directive))
    checks = (
        critique.Check(name="uncontaminated", passed=True, figure="0 test and 0 dev rows in 8000"),
        critique.Check(name="beyond the noise floor", passed=admitted, figure=f"{lead:+.3f} against 0.014"),
    )
    told.say(
        "gate",
        critique.Verdict(
            candidate=id, incumbent=incumbent, admitted=admitted, score=value(x), incumbent_score=value(x - lead),
            paired=paired(id, incumbent, lead), noise_floor=0.014, checks=checks,
        ),
    )  # fmt: skip
    if admitted:
        told.say("scorer", score.Shipped(candidate=id, path="/runs/final_model", sha256="ab" * 32))


def experiments(told: Told) -> None:
    """Three scored trials, one of them a repeat that the gate refuses, and one that loses its rung."""
    first = (trial("e1", "supervised training teaches the format"), trial("e2", "LoRA is enough", strategy="lora"))
    told.say("engineer", experiment.Proposals(proposals=first))
    told.say("experimentalist", schedule.Schedule(slots=(schedule.Slot(experiment="e1", seconds=30),)))
    job_of(told, "e1")
    judged(told, "e1", "floor", 0.61, 0.59, True)
    job_of(told, "e2", 5)
    told.say(
        "experimentalist",
        schedule.RungVerdict(experiment="e2", check_point=0.5, keep=False, reason="loss 2.1 against 0.9 of e1"),
    )
    told.say("worker", job.JobCancelled(job="j-e2", experiment="e2", at=told.at, reason="lost its rung"))
    told.say(
        "engineer",
        experiment.Proposals(proposals=(trial("e3", "longer training goes on climbing", rung=1, parent="e1"),)),
    )
    job_of(told, "e3", 60)
    judged(told, "e3", "e1", 0.88, 0.27, True)
    told.say("engineer", experiment.Proposals(proposals=(trial("e4", "seed 1 of e3", repeats="e3", seed=1),)))
    job_of(told, "e4", 60)
    judged(told, "e4", "e3", 0.89, 0.01, False)
    told.say("graph", control.StrategyClosed(strategy="lora", reason="2 in a row without +0.010"))
    told.say("user", control.Tell(text="try a longer warm-up [if you can]"))


def ending(told: Told, folder: Path, fork_of: str | None = None) -> control.RunEnded:
    """The sealed test, read once, and the end."""
    told.say("scorer", scored("e3", 0.871, split="test"))
    told.say("scorer", bundle.Bundled(candidate="e3", path=str(folder / "bundle"), steps=2, bytes=5_000_000))
    ended = control.RunEnded(
        outcome="target_met", candidate="e3", floor=value(0.02), dev=value(0.88), test=value(0.871, 1000), target=0.85,
        experiments=4, killed=1, promoted=2, failed=0, seconds=told.seconds, busy=0.91,
        final_model=str(folder / "final_model"), fork_of=fork_of,
    )  # fmt: skip
    told.say("crew", ended)
    return ended


def whole_story(folder: Path, run: str = RUN, ends: bool = True) -> list[Envelope]:
    told = Told(run)
    opening(told, folder)
    experiments(told)
    if ends:
        ending(told, folder)
    return told.envelopes
