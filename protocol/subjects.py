"""Every NATS subject and stream name, in one place."""

from __future__ import annotations

JOBS_STREAM = "JOBS"
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


def jobs(queue: str, job: str = "*") -> str:
    """A job in the work queue."""
    return f"jobs.{queue}.{job}"


def cancel(job: str = "*") -> str:
    """Cancel requests for jobs (plain publish; the journal keeps them for jobs not yet taken)."""
    return f"cancel.{job}"


def dead(source: str) -> str:
    """Dead letters, by who could not handle them."""
    return f"dead.{source}"
