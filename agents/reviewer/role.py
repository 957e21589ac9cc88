"""The Reviewer: what is known about this problem?"""

from __future__ import annotations

from agents.prompts import prompt
from agents.reviewer.form import FORM, TOOLS
from agents.reviewer.playbook import review
from agents.role import Role
from protocol.research import ReviewRequest

ROLE = Role(
    name="reviewer",
    about="tells what is known about a problem: techniques, each with recipe and citations",
    playbook={ReviewRequest: review},
    prompt=prompt("agents.reviewer"),
    forms={ReviewRequest: FORM},
    tools=TOOLS,
)
