"""The Engineer: what shall we try next?"""

from __future__ import annotations

from agents.engineer.form import FORM, TOOLS
from agents.engineer.playbook import propose
from agents.prompts import prompt
from agents.role import Role
from protocol.experiment import ProposeRequest

ROLE = Role(
    name="engineer",
    about="proposes experiments: hypothesis, strategy, recipe and script, abort criterion, cost",
    playbook={ProposeRequest: propose},
    prompt=prompt("agents.engineer"),
    forms={ProposeRequest: FORM},
    tools=TOOLS,
)
