"""Puts a fault of a source into a sentence with figures. Called by `agents.curator.decide`."""

from __future__ import annotations

from agents.curator.thresholds import TRACE_ROWS, TRACE_SHARE
from protocol.brief import EvalPlan, Source
from tools.profile import Measured


def leaking(one: Measured, plan: EvalPlan | None) -> str:
    """How many rows stand in test and in dev, and whether that was to be expected."""
    rows, overlap = len(one.examples), one.overlap
    test, dev = overlap.test_exact + overlap.test_near, overlap.dev_exact + overlap.dev_near
    parts = []
    if test:
        trace = test < TRACE_ROWS and test <= TRACE_SHARE * rows
        parts.append(
            f"{test} of {rows} rows ({test / rows:.1%}) stand in test"
            f" ({overlap.test_exact} exactly, {overlap.test_near} by a shared run of 8 words)" + ", a trace" * trace
        )
    if dev:
        expected = ", which is drawn from the same rows" if plan is not None and same_rows(one.source, plan.dev) else ""
        parts.append(
            f"also in dev{expected}: {dev} rows"
            f" ({overlap.dev_exact} exactly, {overlap.dev_near} by a shared run of 8 words)"
        )
    return "; ".join(parts)


def duplicated(one: Measured) -> str:
    """How many rows repeat an earlier one, exactly and nearly."""
    exact, near = len(one.duplicates.exact), one.duplicates.near_estimate
    share = (exact + near) / len(one.examples)
    note = f" ({one.duplicates.note})" if one.duplicates.note else ""
    return f"{share:.1%} of its rows repeat an earlier one, {exact} exactly and {near} nearly{note}: dropped"


def wrong_answers(one: Measured) -> str:
    """The estimate of wrong answers, with its evidence."""
    if one.noise is None:
        return ""
    return f"about {one.noise.share:.0%} of its answers are wrong (at least {one.noise.low:.0%}): {one.noise.evidence}"


def same_rows(one: Source, other: Source) -> bool:
    """Whether two sources draw from the same rows, be it with different samples."""
    fields = {"file", "dataset", "split", "config", "generator", "args"}
    return one.model_dump(include=fields) == other.model_dump(include=fields)
