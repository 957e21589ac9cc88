"""Every NATS subject and stream name, in one place."""

from __future__ import annotations

JOBS_STREAM = "JOBS"
GIVEN_BUCKET = "GIVEN"
"""Object store of the files that runs are handed over with, each under its SHA-256."""
_JOB_ENDS = ("job_finished", "job_failed", "job_cancelled")


def ask(service: str, run: str | None = None) -> str:
    """Where a service is asked: an instance of one run only, or any shared instance."""
    return f"run.{run}.ask.{service}" if run else f"ask.{service}"


def said(run: str, type: str = "*", id: str = "*") -> str:
    """Where a message stands in the journal of its run: one subject each, so that it is written once."""
    return f"run.{run}.said.{token(type)}.{id}"


def token(type: str) -> str:
    """A message type in the subject: one for all ends of a job, so that the server admits one end only."""
    return "job_end" if type in _JOB_ENDS else type


def journal_stream(run: str) -> str:
    return f"RUN_{run}"


def job(queue: str, priority: int | str, run: str, needs: str, job: str) -> str:
    """A job in the work queue; all but the last token name its lane (`protocol/lane.py`)."""
    return f"jobs.{queue}.{priority}.{run}.{needs}.{job}"


def jobs(queue: str) -> str:
    """All jobs of a queue."""
    return f"jobs.{queue}.>"


def ready(queue: str) -> str:
    """Told to the workers of a queue when a job has been put into it (plain publish)."""
    return f"ready.{queue}"


def held(queue: str, job: str = ">") -> str:
    """Where a worker says again and again that it has a job, by the job's subject, and at last that it lets it go."""
    return f"held.{queue}.{job}"


def worker(id: str) -> str:
    """Where one worker is given orders."""
    return ask(f"worker.{id}")


def cancel(job: str = "*") -> str:
    """Cancel requests for jobs (plain publish; the journal keeps them for jobs not yet taken)."""
    return f"cancel.{job}"


def dead(source: str) -> str:
    """Dead letters, by who could not handle them."""
    return f"dead.{source}"
