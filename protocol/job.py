"""Jobs and what they say: accepted, started, metric, log, checkpoint, alert, finished, failed, cancelled."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from protocol.artifact import Ref
from protocol.message import Message, Part

Launch = Literal["python", "ddp", "fsdp"]
"""How a script is started: as one process, or by `accelerate launch` as one process a GPU."""
Category = Literal[
    "out_of_memory",
    "host_out_of_memory",
    "nan",
    "diverged",
    "plateau",
    "no_progress",
    "idle",
    "reward_collapse",
    "kl_blow_up",
    "shape_mismatch",
    "dtype_mismatch",
    "missing_column",
    "missing_file",
    "gated_file",
    "network",
    "import_error",
    "argument_error",
    "syntax_error",
    "tokenizer_error",
    "template_error",
    "disk_full",
    "forbidden",
    "time_out",
    "nccl",
    "driver",
    "no_model",
    "crashed",
    "killed",
    "worker_lost",
    "unknown",
]
"""Why a job failed, in one word."""


class Needs(Part):
    """What a job needs of a machine; it is started where all of it is free."""

    gpus: Annotated[int, Field(ge=0)] = 0
    """0: the CPU."""
    kind: str | None = None
    """A word of the GPU's name, in lower case: `h100`, `a100`, `h200`."""
    min_memory_gb: Annotated[float, Field(gt=0)] | None = None
    """Memory that it takes on each GPU. With it a GPU may be shared, as far as its memory goes; without it the job
    has its GPUs to itself."""
    memory_gb: Annotated[float, Field(gt=0)] | None = None
    """Limit on the host memory of the job with all that it starts; it is killed beyond."""
    disk_gb: Annotated[float, Field(gt=0)] = 200.0
    """Limit on what stands in its folder; it is killed beyond."""
    backend: Annotated[str, Field(pattern=r"^[a-z_]+$")] | None = None
    """What is to run it: `ray`, `slurm` …; None: whatever has the rest."""


class JobSpec(Part):
    """What a job is made of. Whoever runs it needs nothing else."""

    files: dict[str, str]
    """Name → text of the files to write into the job's folder (the script, its config)."""
    argv: tuple[str, ...]
    """Script and its arguments, run by Python inside the job's folder: `("sft.py", "--config", "config.yaml")`."""
    output: str = "model"
    """Folder, directly inside the job's, that holds the trained model in the end."""
    reads: tuple[str, ...] = ()
    """Absolute paths of the models and data it reads."""
    seconds: float
    """Training is stopped, and saved, after so long."""
    grace: float = 20.0
    """How much longer the whole job may take (loading, saving) before it is killed."""
    needs: Needs = Needs()
    launch: Launch = "python"
    hosts: tuple[str, ...] = ()
    """Hosts that it may reach (`huggingface.co`); it has no network beside."""
    requirements: tuple[str, ...] = ()
    """Packages beyond the executor's own (`bitsandbytes==0.48`): it then runs in an environment of its own."""


class Job(Message):
    """A job in the queue."""

    type: Literal["job"] = "job"
    id: str
    run: str
    experiment: str
    queue: str = "default"
    folder: str
    """Absolute path of the job's own folder."""
    spec: JobSpec
    attempt: int = 0
    priority: Annotated[int, Field(ge=0, le=9)] = 5
    """9 before 0; within one priority the runs have equal shares."""
    deadline: float | None = None
    """Unix time: it is not started after this, and saves and ends by then."""
    inputs: dict[str, Ref] | None = None
    """Path that it reads → the same in the artifact store, for a worker that does not see the path itself; None in a
    run without a store."""

    def headline(self) -> str:
        return f"job {self.id}: {' '.join(self.spec.argv)} ({self.spec.seconds:.0f} s)"


class JobEvent(Message):
    """Base of what a job says."""

    job: str
    experiment: str
    at: float
    """Unix time, seconds."""


class JobAccepted(JobEvent):
    """A worker has taken the job from the queue."""

    type: Literal["job_accepted"] = "job_accepted"
    worker: str
    device: str
    delivery: int = 1
    backend: str = "local"
    sandboxed: bool = True
    """False only under a worker that was started with `--no-sandbox`, or where the backend is the sandbox."""
    usd_per_hour: float | None = None
    """What the machine is rented for, while the job is on it; None where nobody is paid by the hour."""

    def headline(self) -> str:
        price = f", {self.usd_per_hour:.2f} USD an hour" if self.usd_per_hour is not None else ""
        return f"{self.experiment} accepted by {self.worker} ({self.device}{price})"


class JobGivenBack(JobEvent):
    """The worker was stopped, could not start the job, or lost its lease: the job goes on elsewhere, and this is not
    held against it."""

    type: Literal["job_given_back"] = "job_given_back"
    worker: str
    delivery: int
    heard: bool = True
    """False: the queue had not heard of the worker for a lease, and gave the job away."""
    reason: str | None = None
    """Why the worker could not start it; None when it was stopped or unheard."""

    def headline(self) -> str:
        if not self.heard:
            return f"{self.experiment} given up by {self.worker}, which was not heard for a lease"
        if self.reason is not None:
            return f"{self.experiment} given back by {self.worker}: {self.reason}"
        return f"{self.experiment} given back by {self.worker}, which stops"


class JobStarted(JobEvent):
    """The job's process runs."""

    type: Literal["job_started"] = "job_started"
    pid: int
    warm_start_s: float
    """From the take-up of the job to the first line of its script."""
    resumed_from: str | None = None

    def headline(self) -> str:
        again = f", resumed from {self.resumed_from}" if self.resumed_from else ""
        return f"{self.experiment} started in {self.warm_start_s:.2f} s{again}"


class JobMetric(JobEvent):
    """Figures of one logging step of the trainer."""

    type: Literal["job_metric"] = "job_metric"
    step: int
    max_steps: int
    values: dict[str, float]

    def headline(self) -> str:
        return f"{self.experiment} step {self.step}/{self.max_steps} " + " ".join(
            f"{name}={value:.4g}" for name, value in self.values.items()
        )


class JobLog(JobEvent):
    """Lines that the job printed."""

    type: Literal["job_log"] = "job_log"
    lines: tuple[str, ...]

    def headline(self) -> str:
        return f"{self.experiment}: {self.lines[-1] if self.lines else ''}"


class JobCheckpoint(JobEvent):
    """A checkpoint was written."""

    type: Literal["job_checkpoint"] = "job_checkpoint"
    step: int
    path: str

    def headline(self) -> str:
        return f"{self.experiment} checkpoint at step {self.step}"


class JobAlert(JobEvent):
    """Something is wrong with a job, with the evidence; `kill` says that it is stopped for it."""

    type: Literal["job_alert"] = "job_alert"
    rule: str
    evidence: str
    kill: bool

    def headline(self) -> str:
        return f"{self.experiment}: {self.rule} ({self.evidence})" + (", killed" if self.kill else "")


class JobFinished(JobEvent):
    """The job ended well and its model is whole."""

    type: Literal["job_finished"] = "job_finished"
    model: str
    steps: int
    seconds: float
    train_seconds: float
    loss: float | None = None
    stopped_early: bool = False
    """True when the time limit, not the last step, ended the training."""
    artifact: Ref | None = None
    """The model in the artifact store, where the worker has put it there; it may not be at `model` yet."""

    def headline(self) -> str:
        loss = f", loss {self.loss:.3f}" if self.loss is not None else ""
        return f"{self.experiment} trained {self.steps} steps in {self.seconds:.0f} s{loss}"


class Cause(Part):
    """What a failure comes from, and the lines that say so."""

    category: Category = "unknown"
    evidence: tuple[str, ...] = ()


class JobFailed(JobEvent):
    """The job ended badly."""

    type: Literal["job_failed"] = "job_failed"
    exit_code: int | None = None
    signal: int | None = None
    reason: str
    evidence: tuple[str, ...] = ()
    """The last lines of its output."""
    cause: Cause = Cause()
    seconds: float = 0.0

    def headline(self) -> str:
        return f"{self.experiment} failed: {self.reason}"


class JobCancelled(JobEvent):
    """The job was stopped on request; `model` names what it saved, if anything."""

    type: Literal["job_cancelled"] = "job_cancelled"
    reason: str
    model: str | None = None
    steps: int = 0
    seconds: float = 0.0
    artifact: Ref | None = None

    def headline(self) -> str:
        return f"{self.experiment} cancelled: {self.reason}"


class CancelJob(Message):
    """Stop a job, waiting or running. With `save` it may write its model first."""

    type: Literal["cancel_job"] = "cancel_job"
    job: str
    experiment: str
    reason: str
    save: bool = False

    def headline(self) -> str:
        return f"stop {self.experiment}: {self.reason}"


JobEnd = JobFinished | JobFailed | JobCancelled
