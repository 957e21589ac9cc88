"""Where to go next: exploit what gains, explore while the first rung is open, change a strategy that is spent."""

from __future__ import annotations

from typing import Literal

from protocol.critique import CritiqueRequest
from protocol.experiment import Directive, Strategy

PREFERENCE: tuple[Strategy, ...] = ("sft", "grpo", "rejection_sampling", "lora", "decoding")
"""The order in which strategies are turned to, when nothing speaks for another."""
NEAR_CEILING = 0.995


def direct(request: CritiqueRequest, verdict: Literal["promote", "hold", "reject"]) -> Directive:
    """The next directive. A strategy that is closed, or about to be, is left: that is not for the Critic to choose."""
    strategy = request.entry.experiment.strategy
    best = _best_low(request, verdict)
    if request.target is not None and best >= request.target:
        return Directive(kind="stop", strategy=strategy, reason=f"the target {request.target:.2f} is met beyond chance")
    if best >= NEAR_CEILING:
        return Directive(kind="stop", strategy=strategy, reason="hardly anything is left to gain")
    if strategy not in request.open_strategies:
        return _change(request, strategy)
    advised = _advised(request)
    if advised is not None:
        return advised
    if verdict == "promote":
        return Directive(kind="exploit", strategy=strategy, reason=f"{request.entry.experiment.id} gains")
    if request.entry.experiment.rung == 0:
        return Directive(kind="explore", strategy=strategy, reason="the first rung is still being compared")
    return Directive(kind="exploit", strategy=strategy, reason="its abort criterion has not fired")


def _advised(request: CritiqueRequest) -> Directive | None:
    """What another role suggests, the last word first. A run is not stopped by it, nor a closed strategy opened."""
    for said in reversed(request.digest.advice):
        told = said.directive
        if told is None or told.kind in ("stop", "more_data"):
            continue
        if told.strategy in request.open_strategies or (told.strategy is None and told.kind != "change_strategy"):
            return told.model_copy(update={"reason": f"{said.role} suggests it: {told.reason or said.text}"[:300]})
    return None


def _best_low(request: CritiqueRequest, verdict: str) -> float:
    """Lower end of the 95 % interval of what would ship."""
    scores = [request.digest.incumbent_score]
    if verdict == "promote" and request.scored is not None:
        scores.append(request.scored.score)
    return max((score.low for score in scores if score is not None), default=0.0)


def _change(request: CritiqueRequest, spent: str) -> Directive:
    for name in PREFERENCE:
        if name != spent and name in request.open_strategies:
            return Directive(
                kind="change_strategy", strategy=name, reason=f"{spent} has met its abort criterion, {name} is open"
            )
    return Directive(kind="stop", reason=f"{spent} has met its abort criterion and no strategy is left")
