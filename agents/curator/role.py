"""The Data Curator: what shall we train on?"""

from __future__ import annotations

from agents.curator.form import FORM
from agents.curator.playbook import curate
from agents.curator.tools import TOOLS
from agents.prompts import prompt
from agents.role import Role
from protocol.data import CurateRequest

ROLE = Role(
    name="curator",
    about="chooses and cleans the data: mixtures, what was rejected and why, contamination verdict",
    playbook={CurateRequest: curate},
    prompt=prompt("agents.curator"),
    forms={CurateRequest: FORM},
    tools=TOOLS,
)
