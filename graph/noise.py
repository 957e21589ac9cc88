"""The noise floor of a comparison: how large a difference a change of seed alone may make. Asked by the gate's caller.

Between a model and what goes on from its own weights lies no change of seed, nor between anything and the untouched
base: there it is 0. Everywhere else it is twice the standard deviation between seeds of one recipe, as measured by
repeated experiments (Bouthillier et al. 2021, arXiv:2103.03098, on seeds as the main source of variance); until that
is measured, the half-widths of the two scores' 95 % intervals stand in for it, added in squares.
"""

from __future__ import annotations

import math

from protocol.ledger import Ledger
from protocol.score import Scored

SIGMAS = 2.0
"""Standard deviations; the factor √2 of a difference of two seeds is left to the paired test beside it."""


def noise_between(ledger: Ledger, candidate: Scored, incumbent: Scored) -> float:
    """A fraction of 1, as scores are."""
    untouched = incumbent.candidate not in ledger.entries
    if untouched or incumbent.candidate in ledger.lineage(candidate.candidate):
        return 0.0
    measured = ledger.noise_floor()
    if measured is not None:
        return SIGMAS * measured
    return math.hypot(*((scored.score.high - scored.score.low) / 2 for scored in (candidate, incumbent)))
