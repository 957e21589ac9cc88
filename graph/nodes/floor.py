"""floor: the untouched base model with its best prompt format and decoding is banked before any training.

Begun by `brief`, awaited by `engineer`: the scorer works on it while Reviewer and Curator think.
"""

from __future__ import annotations

from graph.context import CrewContext
from graph.gate import bank
from protocol.benchmark import kind_of
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
    """Greedy, with room for the longest answer, or as the benchmark does: how trained candidates are decoded."""
    if kind_of(context.brief.task.metric):
        return Decoding(benchmark=context.brief.task.metric, stop=())
    longest = context.ledger.eval.max_answer_tokens if context.ledger.eval else 32
    return Decoding(max_new_tokens=longest + EXTRA_TOKENS)


def ways(plain: Decoding) -> list[Decoding]:
    """The ways of decoding the base that are tried: zero- and few-shot, greedy and sampled. A benchmark has one."""
    if plain.benchmark is not None:
        return [plain]
    greedy = [plain.model_copy(update={"shots": shots}) for shots in SHOTS]
    return [*greedy, plain.model_copy(update={"do_sample": True, "temperature": 0.7})]


async def bank_floor(context: CrewContext) -> None:
    """Score the base in each way, keep the best, put it into `final_model/`."""
    if context.ledger.floor is not None:
        return
    base = context.brief.task.base_model
    offered = ways(answer_decoding(context))
    tried = await _tried(context, offered) if len(offered) > 1 else {}
    best = max(tried.values(), key=lambda scored: scored.score).decoding if tried else offered[0]  # of equals the first
    floor = await context.consult("scorer", ScoreRequest(candidate=BASE, model=base, decoding=best), Scored, BASE)
    if floor.score.failed:
        raise BaseUnusable(base, floor.score.failed)
    verdict = bank(floor, context.ledger.eval.dev_sha256 if context.ledger.eval else "")
    said = await context.say(verdict, BASE)
    await ship(context, floor, said.id)
    await context.say(_banked(floor, tried), BASE)


async def _tried(context: CrewContext, offered: list[Decoding]) -> dict[str, Scored]:
    """Each way of decoding on the first rows of dev."""
    base = context.brief.task.base_model
    tried: dict[str, Scored] = {}
    for decoding in offered:
        name = f"{BASE}-{decoding.label()}".replace(", ", "-").replace("=", "")
        request = ScoreRequest(candidate=name, model=base, decoding=decoding, limit=TRIAL_ROWS)
        tried[decoding.label()] = await context.consult("scorer", request, Scored, name)
    if all(scored.score.failed for scored in tried.values()):
        raise BaseUnusable(base, next(iter(tried.values())).score.failed or "")
    return tried


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
