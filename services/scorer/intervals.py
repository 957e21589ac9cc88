"""From outcomes to figures: a mean with its 95 % interval, and comparisons, paired or not. Called by `score`."""

from __future__ import annotations

import math
from collections.abc import Sequence
from fractions import Fraction

from protocol.score import PairedTest, Score, UnpairedTest
from services.scorer.outcomes import Outcomes

Z95 = 1.959963984540054
"""Two-sided 95 % quantile of the standard normal distribution."""


def summarise(outcomes: Sequence[float]) -> Score:
    """The mean of item outcomes in [0, 1], with Wilson's interval where all are 0 or 1, else the normal one."""
    n = len(outcomes)
    mean = math.fsum(outcomes) / n
    binary = all(outcome in (0.0, 1.0) for outcome in outcomes)
    low, high = wilson(sum(outcome == 1.0 for outcome in outcomes), n) if binary else normal(outcomes)
    return Score(value=mean, low=low, high=high, n=n)


def score_of(outcomes: Outcomes) -> Score:
    """The score, from single items where they are known, else from the mean and its standard error."""
    if outcomes.values:
        return summarise(outcomes.values)
    mean, error = mean_and_error(outcomes)
    low, high = max(0.0, mean - Z95 * error), min(1.0, mean + Z95 * error)
    return Score(value=mean, low=low, high=high, n=outcomes.n)


def wilson(successes: int, n: int) -> tuple[float, float]:
    """95 % score interval of a proportion (Wilson, 1927, J. Am. Stat. Assoc. 22:209)."""
    share, z2 = successes / n, Z95 * Z95
    centre = (share + z2 / (2 * n)) / (1 + z2 / n)
    half = Z95 / (1 + z2 / n) * math.sqrt(share * (1 - share) / n + z2 / (4 * n * n))
    low = 0.0 if successes == 0 else max(0.0, centre - half)
    high = 1.0 if successes == n else min(1.0, centre + half)
    return low, high


def normal(outcomes: Sequence[float]) -> tuple[float, float]:
    """95 % interval of a mean of graded outcomes by the normal approximation, clipped to [0, 1]."""
    mean, error = _mean_and_error(outcomes)
    return max(0.0, mean - Z95 * error), min(1.0, mean + Z95 * error)


def paired(candidate: str, incumbent: str, ours: Sequence[float], theirs: Sequence[float]) -> PairedTest:
    """Compare two models on the same items, over as many as both answered."""
    differences = [a - b for a, b in zip(ours, theirs, strict=False)]
    wins, losses = sum(d > 0 for d in differences), sum(d < 0 for d in differences)
    mean, error = _mean_and_error(differences)
    return PairedTest(
        candidate=candidate,
        incumbent=incumbent,
        n=len(differences),
        wins=wins,
        losses=losses,
        difference=mean,
        low=mean - Z95 * error,
        high=mean + Z95 * error,
        p_value=sign_test(wins, losses),
    )


def unpaired(ours: Outcomes, theirs: Outcomes) -> UnpairedTest:
    """Two-sided two-sample z-test from means and standard errors, whose squares add up (Miller 2024, arXiv:2411.00640,
    section 4.1)."""
    (mine, error), (other, other_error) = mean_and_error(ours), mean_and_error(theirs)
    difference, spread = mine - other, math.hypot(error, other_error)
    return UnpairedTest(
        candidate=ours.candidate,
        incumbent=theirs.candidate,
        n=min(ours.n, theirs.n),
        difference=difference,
        low=difference - Z95 * spread,
        high=difference + Z95 * spread,
        p_value=math.erfc(abs(difference) / spread / math.sqrt(2)),
    )


def mean_and_error(outcomes: Outcomes) -> tuple[float, float]:
    """Mean and standard error. An error of 0, as of a model that is always wrong, is no certainty: that of the adjusted
    proportion then stands in for it (Agresti & Coull, 1998, Am. Stat. 52:119)."""
    if outcomes.values:
        mean, error = _mean_and_error(outcomes.values)
    else:
        mean, error = outcomes.mean or 0.0, outcomes.stderr or 0.0
    if error > 0.0:
        return mean, error
    adjusted = (mean * outcomes.n + 2) / (outcomes.n + 4)
    return mean, math.sqrt(adjusted * (1 - adjusted) / (outcomes.n + 4))


def sign_test(wins: int, losses: int) -> float:
    """Exact two-sided p-value of the sign test on the discordant items (McNemar, 1947, Psychometrika 12:153).

    Under the null hypothesis wins are binomial with n = wins + losses and p = 1/2, which is symmetric, so both
    tails together are twice the smaller one.
    """
    n, fewer = wins + losses, min(wins, losses)
    if wins == losses:
        return 1.0
    tail = sum(math.comb(n, k) for k in range(fewer + 1))
    return min(1.0, float(Fraction(2 * tail, 2**n)))  # exact: 2**n may be beyond the largest float


def _mean_and_error(values: Sequence[float]) -> tuple[float, float]:
    """Mean and its standard error; the error of a single value is unknown and told as 0."""
    n = len(values)
    mean = math.fsum(values) / n
    if n < 2:
        return mean, 0.0
    variance = math.fsum((value - mean) ** 2 for value in values) / (n - 1)
    return mean, math.sqrt(variance / n)
