"""The admission gate: the one function that decides what ships. Pure logic over messages.

A candidate is admitted when it was scored on the same held-out rows as the incumbent, with the decoding that ships;
when it beats the incumbent item by item (exact paired test, p < 0.05) by more than the noise floor, or, where a
benchmark tells means alone, by the two-sample z-test, which asks for more; when the data it was trained on is clean;
when the evaluation files are unchanged; and when it loads whole.
"""

from __future__ import annotations

from protocol.critique import Check, Verdict
from protocol.data import Contamination
from protocol.score import PairedTest, Scored, UnpairedTest

SIGNIFICANCE = 0.05
"""Level of the test, paired (McNemar, 1947) or not."""


def admit(
    candidate: Scored,
    incumbent: Scored,
    *,
    noise_floor: float,
    contamination: Contamination | None,
    dev_sha256: str,
) -> Verdict:
    """The verdict on `candidate` against `incumbent`.

    `noise_floor` is the difference, as a fraction of 1, that a change of seed alone may make (`graph/noise.py`).
    """
    test = candidate.compared(incumbent.candidate)
    checks = (
        _whole(candidate),
        Check(
            name="same items",
            passed=candidate.split == incumbent.split == "dev" and candidate.score.n == incumbent.score.n,
            figure=f"{candidate.split}, {candidate.score.n} and {incumbent.score.n} items",
        ),
        _unchanged(dev_sha256, candidate, incumbent),
        _clean(contamination),
        _significant(test),
        _beyond(noise_floor, test),
    )
    return Verdict(
        candidate=candidate.candidate,
        incumbent=incumbent.candidate,
        admitted=all(check.passed for check in checks),
        score=candidate.score,
        incumbent_score=incumbent.score,
        paired=test if isinstance(test, PairedTest) else None,
        unpaired=test if isinstance(test, UnpairedTest) else None,
        noise_floor=noise_floor,
        checks=checks,
    )


def bank(floor: Scored, dev_sha256: str) -> Verdict:
    """The verdict on the untouched base model, which has no incumbent to beat."""
    checks = (_whole(floor), _unchanged(dev_sha256, floor))
    return Verdict(
        candidate=floor.candidate,
        incumbent=None,
        admitted=all(check.passed for check in checks),
        score=floor.score,
        noise_floor=0.0,
        checks=checks,
    )


def _whole(scored: Scored) -> Check:
    return Check(name="whole", passed=scored.score.failed is None, figure=scored.score.failed or "loads, all finite")


def _unchanged(dev_sha256: str, *all_scored: Scored) -> Check:
    passed = all(scored.split_sha256 == dev_sha256 for scored in all_scored)
    return Check(name="evaluation unchanged", passed=passed, figure=all_scored[0].split_sha256[:12])


def _beyond(noise_floor: float, test: PairedTest | UnpairedTest | None) -> Check:
    difference = test.difference if test else float("nan")
    passed = difference > noise_floor
    return Check(name="beyond the noise floor", passed=passed, figure=f"{difference:+.3f} against {noise_floor:.3f}")


def _clean(contamination: Contamination | None) -> Check:
    if contamination is None:
        return Check(name="uncontaminated", passed=False, figure="no verdict on its data")
    return Check(
        name="uncontaminated",
        passed=contamination.clean and contamination.test_overlap == 0,
        figure=f"{contamination.test_overlap} test and {contamination.dev_overlap} dev rows "
        f"in {contamination.rows_checked}",
    )


def _significant(test: PairedTest | UnpairedTest | None) -> Check:
    if test is None:
        return Check(name="paired test", passed=False, figure="not compared with the incumbent")
    passed = test.p_value < SIGNIFICANCE and test.difference > 0
    if isinstance(test, UnpairedTest):
        told = f"{test.difference:+.3f} [{test.low:+.3f}, {test.high:+.3f}], p={test.p_value:.2g}, from means alone"
        return Check(name="unpaired test", passed=passed, figure=told)
    told = f"{test.wins} won, {test.losses} lost of {test.n}, p={test.p_value:.2g}"
    return Check(name="paired test", passed=passed, figure=told)
