"""The Engineer: what shall we try next?"""

from __future__ import annotations

from agents.engineer.playbook import propose
from agents.role import Role
from protocol.experiment import ProposeRequest

ROLE = Role(
    name="engineer",
    about="proposes experiments: hypothesis, strategy, recipe and script, abort criterion, cost",
    playbook={ProposeRequest: propose},
)
