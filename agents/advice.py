"""What a role with a place of its own needs to think with a language model: the form of its advice. Used by such roles.

ROLE = Role(…, after="critic", playbook={AdviceRequest: advise}, forms={AdviceRequest: FORM})
"""

from __future__ import annotations

from agents import digest
from agents.form import BadForm, Form
from agents.role import Ask
from protocol.advice import Advice, AdviceRequest
from protocol.experiment import Directive, DirectiveKind, Strategy
from protocol.message import Part


class AdviceForm(Part):
    """What do you have to say?"""

    text: str
    """A few sentences, with the figures they rest on. Empty when there is nothing to say this time."""
    next: DirectiveKind | None = None
    """Where you would go next, if that follows from it."""
    strategy: Strategy | None = None
    """With which strategy."""


def tell(request: AdviceRequest) -> str:
    """How the run stands, in words."""
    gate = f"The gate: {request.verdict.headline()}" if request.verdict else ""
    critic = f"The Critic: {request.critique.headline()}" if request.critique else ""
    lines = [
        digest.brief(request.task),
        digest.digest(request.digest),
        f"Directive: {request.directive.kind} {request.directive.strategy or ''}: {request.directive.reason}",
        critic,
        gate,
        *(f"The user says: {text}" for text in request.tells),
        f"Left of the run: {request.seconds_left:.0f} s.",
        f"You are asked after the step {request.place}. What do you have to say to the others?",
    ]
    return "\n".join(line for line in lines if line)


async def complete(request: AdviceRequest, filled: AdviceForm, ask: Ask) -> Advice:
    """Raises `BadForm` for a suggestion that nobody could follow."""
    if filled.next is None:
        return Advice(text=filled.text.strip())
    closed = request.digest.strategies_closed
    if filled.strategy in closed:
        raise BadForm(f"{filled.strategy} is closed ({closed[filled.strategy]}): suggest another, or none")
    if filled.next == "change_strategy" and filled.strategy is None:
        raise BadForm("change_strategy needs the strategy to change to")
    return Advice(text=filled.text.strip(), directive=Directive(kind=filled.next, strategy=filled.strategy))


FORM = Form(AdviceForm, tell, complete)
