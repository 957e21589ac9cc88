"""The gate admits only what is whole, comparable, significant, beyond the noise, clean and unchanged."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from graph.gate import SIGNIFICANCE, admit, bank
from protocol.critique import Verdict
from protocol.data import Contamination
from protocol.score import Score, UnpairedTest
from tests.graph.story import CLEAN, paired, scored

DIRTY = Contamination(clean=False, rows_checked=10, test_overlap=1, dev_overlap=0)


def decide(**changes: object) -> Verdict:
    candidate = scored("sft-2", 0.6, paired("sft-2", "sft-1", 0.1, 0.001), **dict(changes.pop("candidate", {})))  # type: ignore[call-overload]
    given_ = {"noise_floor": 0.02, "contamination": CLEAN, "dev_sha256": "hash"} | changes
    return admit(candidate, scored("sft-1", 0.5), **given_)  # type: ignore[arg-type]


def failing(verdict: Verdict) -> list[str]:
    return [check.name for check in verdict.checks if not check.passed]


def test_a_real_win_on_clean_data_is_admitted() -> None:
    verdict = decide()
    assert verdict.admitted
    assert failing(verdict) == []


@pytest.mark.parametrize(
    ("changes", "check"),
    [
        ({"noise_floor": 0.11}, "beyond the noise floor"),
        ({"contamination": DIRTY}, "uncontaminated"),
        ({"contamination": None}, "uncontaminated"),
        ({"dev_sha256": "another"}, "evaluation unchanged"),
        ({"candidate": {"split_sha256": "another"}}, "evaluation unchanged"),
        ({"candidate": {"split": "test"}}, "same items"),
        ({"candidate": {"score": Score(value=0.6, low=0.5, high=0.7, n=50)}}, "same items"),
        ({"candidate": {"score": Score.failure("NaN in the weights")}}, "whole"),
        ({"candidate": {"paired": ()}}, "paired test"),
        ({"candidate": {"paired": (paired("sft-2", "sft-1", 0.1, 0.2),)}}, "paired test"),
        ({"candidate": {"paired": (paired("sft-2", "base", 0.1, 0.001),)}}, "paired test"),
    ],
)
def test_each_fault_alone_is_refused_by_name(changes: dict[str, object], check: str) -> None:
    verdict = decide(**changes)
    assert not verdict.admitted
    assert check in failing(verdict)


@given(difference=st.floats(-0.5, 0.5), p_value=st.floats(0, 1), noise=st.floats(0, 0.3))
def test_nothing_worse_or_within_the_noise_is_ever_admitted(difference: float, p_value: float, noise: float) -> None:
    candidate = scored("b", 0.5, paired("b", "a", difference, p_value))
    verdict = admit(candidate, scored("a", 0.5), noise_floor=noise, contamination=CLEAN, dev_sha256="hash")
    assert verdict.admitted == (difference > noise and difference > 0 and p_value < SIGNIFICANCE)


def test_the_floor_is_banked_without_an_incumbent() -> None:
    assert bank(scored("base", 0.0), "hash").admitted
    assert not bank(scored("base", 0.0), "another").admitted


def test_the_verdict_tells_every_figure() -> None:
    told = decide().headline()
    assert "13 won, 3 lost of 100, p=0.001" in told
    assert "+0.100 against 0.020" in told
    assert "0 test and 0 dev rows in 10" in told


def test_a_comparison_of_means_alone_is_never_told_as_a_paired_one() -> None:
    alone = UnpairedTest(candidate="b", incumbent="a", n=100, difference=0.2, low=0.05, high=0.35, p_value=0.01)
    candidate = scored("b", 0.7).model_copy(update={"unpaired": (alone,)})
    verdict = admit(candidate, scored("a", 0.5), noise_floor=0.0, contamination=CLEAN, dev_sha256="hash")
    assert verdict.admitted
    assert (verdict.paired, verdict.unpaired) == (None, alone)
    assert "unpaired test: +0.200 [+0.050, +0.350], p=0.01, from means alone" in verdict.headline()
    weak = candidate.model_copy(update={"unpaired": (alone.model_copy(update={"p_value": 0.2}),)})
    assert failing(admit(weak, scored("a", 0.5), noise_floor=0.0, contamination=CLEAN, dev_sha256="hash")) == [
        "unpaired test"
    ]
