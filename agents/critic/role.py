"""The Critic: is it real, and what now?"""

from __future__ import annotations

from agents.critic.direct import direct
from agents.critic.form import FORM
from agents.critic.judge import judge
from agents.prompts import prompt
from agents.role import Ask, Role
from protocol.critique import Critique, CritiqueRequest


async def critique(request: CritiqueRequest, ask: Ask) -> Critique:
    """Judge first, then direct by the judgement."""
    verdict, reason = judge(request)
    return Critique(
        experiment=request.entry.experiment.id,
        verdict=verdict,
        reason=reason,
        directive=direct(request, verdict),
    )


ROLE = Role(
    name="critic",
    about="says what is real and what to do next: promote, hold or reject; exploit, explore, change strategy, stop",
    playbook={CritiqueRequest: critique},
    prompt=prompt("agents.critic"),
    forms={CritiqueRequest: FORM},
)
