"""What a role with a place of its own has to say: how it is filled in, and who hears it."""

from __future__ import annotations

import pytest

from agents import digest
from agents.advice import AdviceForm, complete, tell
from agents.critic.direct import direct
from agents.form import BadForm
from protocol.advice import Advice, NotHeard
from protocol.critique import CritiqueRequest
from protocol.envelope import wrap
from protocol.experiment import Advised, Digest, Directive, DirectiveKind, Entry, Strategy
from protocol.ledger import ADVICE_CHARACTERS, DIGEST_ADVICE, Ledger
from services.rehearsal import advice_request
from tests.agents.requests import nobody
from tests.graph import story


def heard(*said: tuple[str, Advice]) -> Ledger:
    return Ledger(wrap(advice, run="r", sender=role, subject=str(n)) for n, (role, advice) in enumerate(said))


def suggested(kind: DirectiveKind, strategy: Strategy | None = None) -> Directive:
    return Directive(kind=kind, strategy=strategy, reason="it stalls")


async def test_a_form_becomes_advice_and_a_suggestion_that_nobody_can_follow_is_refused() -> None:
    request = advice_request()
    plain = await complete(request, AdviceForm(text=" The lead is real. "), nobody)
    assert plain == Advice(text="The lead is real.")
    with pytest.raises(BadForm, match="change_strategy needs"):
        await complete(request, AdviceForm(text="t", next="change_strategy"), nobody)
    closed = request.digest.model_copy(update={"strategies_closed": {"sft": "4 in a row"}})
    with pytest.raises(BadForm, match=r"sft is closed \(4 in a row\)"):
        form = AdviceForm(text="t", next="exploit", strategy="sft")
        await complete(advice_request(digest=closed), form, nobody)


def test_the_question_tells_how_the_run_stands() -> None:
    told = tell(advice_request(tells=("mind the leap years",)))
    for word in ("Ships now: sft-2", "exploit sft", "310 s", "mind the leap years", "after the step critic"):
        assert word in told


def test_the_others_read_the_last_word_of_each_role_within_bounds() -> None:
    said = [(f"role_{n}", Advice(text="x" * 9000)) for n in range(20)]
    ledger = heard(("skeptic", Advice(text="I doubt it.")), *said, ("skeptic", Advice(text="Now I believe it.")))
    advice = ledger.digest(10).advice
    assert [one.role for one in advice] == [*(f"role_{n}" for n in range(13, 20)), "skeptic"]
    assert len(advice) == DIGEST_ADVICE and max(len(one.text) for one in advice) == ADVICE_CHARACTERS
    assert "- skeptic: Now I believe it." in digest.digest(ledger.digest(10))
    assert len(ledger.advice) == 22, "all of it is told in the report"


def test_who_did_not_answer_is_remembered_until_it_does() -> None:
    ledger = heard(("skeptic", Advice(text="")))
    ledger.apply(wrap(NotHeard(role="skeptic", reason="silent"), run="r", sender="graph"))
    assert ledger.unheard == {"skeptic"} and ledger.advice == []
    ledger.apply(wrap(Advice(text="here"), run="r", sender="skeptic"))
    assert ledger.unheard == set()


def directed(*advice: Directive | None) -> Directive:
    said = tuple(Advised(role=f"r{n}", text="t", directive=directive) for n, directive in enumerate(advice))
    request = CritiqueRequest(
        entry=Entry(experiment=story.experiment("sft-2", rung=1), status="scored"),
        digest=Digest(incumbent_score=story.score(0.4), advice=said),
        open_strategies=("sft", "grpo"),
        target=0.8,
    )
    return direct(request, "promote")


def test_the_critic_follows_a_suggestion_where_its_rules_leave_that_open() -> None:
    followed = directed(suggested("change_strategy", "grpo"))
    assert (followed.kind, followed.strategy) == ("change_strategy", "grpo")
    assert followed.reason == "r0 suggests it: it stalls"


@pytest.mark.parametrize(
    "advice", [suggested("stop"), suggested("change_strategy", "lora"), suggested("more_data"), None]
)
def test_no_suggestion_stops_a_run_or_opens_a_closed_strategy(advice: Directive | None) -> None:
    assert directed(advice).kind == "exploit"
