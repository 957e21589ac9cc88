"""What the container is asked to run: written by `backend`, read by `entry`."""

from __future__ import annotations

from protocol.job import Job
from protocol.message import Part

MOUNTED = "/postdocs"
"""Where the container finds all that was sent to it."""
CODE = f"{MOUNTED}/code"
JOB = f"{MOUNTED}/job"
NAME = "request.json"


def read_mount(number: int) -> str:
    """Where the container finds what the job reads, one place each."""
    return f"{MOUNTED}/reads/{number}"


class Reading(Part):
    """Something that the job reads."""

    path: str
    """Absolute, as the job's files name it."""
    mounted: str
    """Where the container has it."""


class Request(Part):
    """One delivery of a job."""

    job: Job
    seconds: float
    """From the start of its process until its training ends and is saved."""
    control: int
    """Port on which the runner hears that the job shall save or end."""
    readings: tuple[Reading, ...] = ()
    restore: tuple[str, ...] = ()
    """Files of an earlier delivery to begin with, by their path in the job's folder."""
