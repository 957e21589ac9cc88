"""Roles with messages of their own: asked by another role, over a real bus, with typed questions and answers."""

from __future__ import annotations

from typing import Literal

import pytest

from agents import foreign
from agents.role import Ask, Role
from protocol.advice import Advice, AdviceRequest
from protocol.control import Tell
from protocol.errors import AnswerFailed, BadInput
from protocol.foreign import Foreign
from protocol.message import Message
from protocol.telling import worth_a_line
from services.rehearsal import advice_request, rehearse


class PowerRequest(Message):
    type: Literal["statistician.power_request"] = "statistician.power_request"
    difference: float


class Power(Message):
    type: Literal["statistician.power"] = "statistician.power"
    items: int

    def headline(self) -> str:
        return f"{self.items} items are needed"


async def power(request: PowerRequest, ask: Ask) -> Power:
    return Power(items=round(4 / request.difference**2))


async def advise(request: AdviceRequest, ask: Ask) -> Advice:
    answer = foreign.read(await ask("statistician", PowerRequest(difference=0.1)), [Power])
    assert isinstance(answer, Power)
    return Advice(text=f"{answer.items} items settle a difference of 0.1.")


STATISTICIAN = Role(name="statistician", about="counts", playbook={PowerRequest: power})
SKEPTIC = Role(name="skeptic", about="doubts", after="critic", playbook={AdviceRequest: advise})


def test_a_role_asks_another_with_a_message_of_their_own() -> None:
    told = rehearse(SKEPTIC, advice_request(), others=[STATISTICIAN])
    assert told.reply.text == "400 items settle a difference of 0.1."
    kinds = [said.data.kind for said in told.said if isinstance(said.data, Foreign)]
    assert kinds == ["statistician.power_request", "statistician.power"]
    shown = [said.data.headline() for said in told.said if isinstance(said.data, Foreign) and worth_a_line(said.data)]
    assert shown == ["400 items are needed"], "a question is left out of the dialogue, as all are"


def test_a_body_that_does_not_fit_is_refused_with_the_field_and_its_value() -> None:
    wrong = Foreign(kind="statistician.power_request", body={"difference": "much"})
    with pytest.raises(AnswerFailed, match=r"difference is 'much'") as caught:
        rehearse(STATISTICIAN, wrong)
    assert caught.value.exit_code == BadInput.exit_code


def test_a_kind_that_a_role_does_not_know_is_refused_with_those_it_knows() -> None:
    with pytest.raises(AnswerFailed, match=r"statistician\.power_request is"):
        rehearse(STATISTICIAN, Foreign(kind="statistician.odds_request", body={}))


def test_what_the_protocol_knows_goes_over_the_bus_as_it_is() -> None:
    message = Tell(text="a")
    assert foreign.carried(message) is message
    assert foreign.carrier(PowerRequest) is Foreign
