"""floor: the untouched base model with its best prompt format and decoding is banked before any training.

Begun by `brief`, awaited by `engineer`: the scorer works on it while Reviewer and Curator think.
"""

from __future__ import annotations

from graph.context import CrewContext
from graph.gate import bank
from protocol.control import FloorBanked
from protocol.errors import PostdocsError
from protocol.message import Message
from protocol.score import Decoding, Scored, ScoreRequest, Shipped, ShipRequest

BASE = "base"
"""Name of the untouched base model as a candidate."""
TRIAL_ROWS = 100
"""Held-out rows on which the ways of decoding are compared; the best is then scored on all."""
SHOTS = (0, 2, 4)
EXTRA_TOKENS = 4
"""Room beyond the longest answer of the dev split."""


class BaseUnusable(PostdocsError):
    """The base model cannot be scored."""

    exit_code = 2

    def __init__(self, model: str, reason: str) -> None:
        self.model, self.reason = model, reason
        super().__init__(f"the base model {model} cannot be used: {reason}")


def answer_decoding(context: CrewContext) -> Decoding:
    """Greedy, with room for the longest answer: how trained candidates are decoded."""
    longest = context.ledger.eval.max_answer_tokens if context.ledger.eval else 32
    return Decoding(max_new_tokens=longest + EXTRA_TOKENS)


def ways(plain: Decoding) -> list[Decoding]:
    """The ways of decoding the base that are tried: zero- and few-shot, greedy and sampled."""
    greedy = [plain.model_copy(update={"shots": shots}) for shots in SHOTS]
    return [*greedy, plain.model_copy(update={"do_sample": True, "temperature": 0.7})]


async def bank_floor(context: CrewContext) -> None:
    """Score the base in each way, keep the best, put it into `final_model/`."""
    if context.ledger.floor is not None:
        return
    base = context.brief.task.base_model
    tried: dict[str, Scored] = {}
    for decoding in ways(answer_decoding(context)):
        name = f"{BASE}-{decoding.label()}".replace(", ", "-").replace("=", "")
        request = ScoreRequest(candidate=name, model=base, decoding=decoding, limit=TRIAL_ROWS)
        tried[decoding.label()] = await context.consult("scorer", request, Scored, name)
    best = max(tried.values(), key=lambda scored: scored.score)  # the first of equals: the simplest
    if best.score.failed:
        raise BaseUnusable(base, best.score.failed)
    floor = await context.consult(
        "scorer", ScoreRequest(candidate=BASE, model=base, decoding=best.decoding), Scored, BASE
    )
    verdict = bank(floor, context.ledger.eval.dev_sha256 if context.ledger.eval else "")
    said = await context.say(verdict, BASE)
    await ship(context, floor, said.id)
    await context.say(_banked(floor, tried), BASE)


def _banked(floor: Scored, tried: dict[str, Scored]) -> Message:
    return FloorBanked(
        candidate=floor.candidate,
        score=floor.score,
        decoding=floor.decoding.label(),
        tried={label: scored.score.value for label, scored in tried.items()},
    )


async def ship(context: CrewContext, scored: Scored, verdict_id: str) -> None:
    """Put an admitted candidate into `final_model/`."""
    request = ShipRequest(
        candidate=scored.candidate,
        model=scored.model,
        model_sha256=scored.model_sha256,
        decoding=scored.decoding,
        verdict=verdict_id,
    )
    await context.consult("scorer", request, Shipped, scored.candidate)
