"""Whether a result is real: against the incumbent, item by item, and against the noise between seeds."""

from __future__ import annotations

from typing import Literal

from protocol.critique import CritiqueRequest

SIGNIFICANCE = 0.05


def judge(request: CritiqueRequest) -> tuple[Literal["promote", "hold", "reject"], str]:
    """`promote` what beats the incumbent beyond chance, `reject` what is beyond chance worse, else `hold`."""
    scored = request.scored
    if scored is None or scored.score.failed:
        return "reject", scored.score.failed or "it left no model" if scored else "it left no model"
    paired = scored.against(request.digest.incumbent or "")
    if paired is None:
        return "hold", f"it scores {scored.score}, but was not compared with the incumbent"
    items = f"{paired.wins} won, {paired.losses} lost, p={paired.p_value:.2g}"
    told = f"{paired.difference:+.3f} against {paired.incumbent} ({items})"
    if paired.p_value >= SIGNIFICANCE:
        return "hold", f"{told}: within chance"
    return ("promote", f"{told}: real") if paired.difference > 0 else ("reject", f"{told}: worse")
