"""Every NATS subject and stream name, in one place."""

from __future__ import annotations

JOBS_STREAM = "JOBS"
DEAD_STREAM = "DEAD"


def ask(service: str, run: str | None = None) -> str:
    """Where a service is asked: an instance of one run only, or any shared instance."""
    return f"run.{run}.ask.{service}" if run else f"ask.{service}"


def said(run: str, type: str = "*", id: str = "*") -> str:
    """Where a message stands in the journal of its run: one subject each, so that it is written once."""
    return f"run.{run}.said.{type}.{id}"


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
