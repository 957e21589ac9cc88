"""Whether a result is real: against the incumbent, item by item where that is known, and against the noise between
seeds."""

from __future__ import annotations

from typing import Literal

from protocol.critique import CritiqueRequest
from protocol.score import PairedTest, UnpairedTest

SIGNIFICANCE = 0.05


def judge(request: CritiqueRequest) -> tuple[Literal["promote", "hold", "reject"], str]:
    """`promote` what beats the incumbent beyond chance, `reject` what is beyond chance worse, else `hold`."""
    scored = request.scored
    if scored is None or scored.score.failed:
        return "reject", scored.score.failed or "it left no model" if scored else "it left no model"
    test = scored.compared(request.digest.incumbent or "")
    if test is None:
        return "hold", f"it scores {scored.score}, but was not compared with the incumbent"
    told = f"{test.difference:+.3f} against {test.incumbent} ({_items(test)}p={test.p_value:.2g})"
    if test.p_value >= SIGNIFICANCE:
        return "hold", f"{told}: within chance"
    return ("promote", f"{told}: real") if test.difference > 0 else ("reject", f"{told}: worse")


def _items(test: PairedTest | UnpairedTest) -> str:
    return f"{test.wins} won, {test.losses} lost, " if isinstance(test, PairedTest) else "unpaired, "
