"""The Curator's form: which sources, which of their rows, and in what proportion. Cleaning and decontamination are
code's in any case."""

from __future__ import annotations

from pathlib import Path

from agents import digest
from agents.curator.choices import Choices, planned
from agents.curator.tools import TOOLS
from agents.form import Form
from agents.role import Ask
from protocol.data import CurateRequest, DataPlan
from tools import run_source


class CurateForm(Choices):
    """Which rows shall we train on? Name every source of the task."""

    summary: str


def tell(request: CurateRequest) -> str:
    named = "\n".join(f"- {source.model_dump_json(exclude_defaults=True)}" for source in request.task.data)
    more = "\n".join(f"- {one}" for one in run_source.told(Path(request.folder)))
    own = f"# Sources that this run has made or found\n{more}\n" if more else ""
    return f"{digest.brief(request.task)}\n# Candidate sources\n{named}\n{own}What shall we train on?"


async def complete(request: CurateRequest, filled: CurateForm, ask: Ask) -> DataPlan:
    """The plan of the chosen sources. Raises `BadForm` where a source is unknown, missing, or nothing is left."""
    plan = await planned(request, filled, ask)
    return plan.model_copy(update={"summary": f"{filled.summary} {plan.summary}"})


FORM = Form(CurateForm, tell, complete, tuple(tool.name for tool in TOOLS))
