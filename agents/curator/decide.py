"""Decides which sources, and which of their rows, are trained on: pure logic over what was measured. Called by the
curator's playbook.

Order: a source that is unusable as a whole; rows that overlap with dev or test, are too long, or repeat others; then
sources that answer wrongly; last, prompts on which what is left disagrees. A row is counted under its first fault.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from agents.curator.reasons import duplicated, leaking, wrong_answers
from agents.curator.thresholds import ENOUGH_ROWS, ENOUGH_SHARE, FORBIDDEN_LICENSES, LEAK_WHOLE, NOISE
from protocol.brief import EvalPlan
from protocol.data import Fault, Rejection
from tools.profile import Measured


@dataclass
class Decision:
    """What is kept (positions among the examples of a source) and what is not, with reasons."""

    kept: dict[str, list[int]] = field(default_factory=dict)
    rejected: list[Rejection] = field(default_factory=list)

    def reject(self, one: Measured, fault: Fault, reason: str, rows: int | None = None) -> None:
        """Note rows that are dropped, or the whole source where `rows` is None."""
        if rows != 0:
            count = one.rows if rows is None else rows
            self.rejected.append(Rejection(source=one.name, fault=fault, rows=count, whole=rows is None, reason=reason))


def decide(sources: Sequence[Measured], plan: EvalPlan | None) -> Decision:
    """The decision on all sources that could be read."""
    decision = Decision()
    usable = [one for one in sources if not _whole(one, decision, plan)]
    partly: dict[str, list[tuple[Fault, str, int]]] = {}
    for one in usable:
        decision.kept[one.name], partly[one.name] = _drop_rows(one, plan)
    suspects = [one for one in usable if is_mislabelled(one)]
    dispensable = _dispensable(decision.kept, {one.name for one in suspects})
    for one in usable:
        if dispensable and one in suspects:
            del decision.kept[one.name]
            decision.reject(one, "mislabelled", wrong_answers(one) + "; the other sources hold enough rows")
            continue
        for fault, reason, rows in partly[one.name]:
            decision.reject(one, fault, reason, rows)
    left = [one for one in usable if one.name in decision.kept]
    _settle_conflicts(left, [one.name for one in suspects], decision)
    return decision


def is_mislabelled(one: Measured) -> bool:
    """Whether more answers are wrong than is tolerated, beyond chance."""
    return one.noise is not None and one.noise.low > NOISE


def _whole(one: Measured, decision: Decision, plan: EvalPlan | None) -> bool:
    """Reject a source that is unusable as a whole. True where it was."""
    test = one.overlap.test_exact + one.overlap.test_near
    licence = (one.source.license or "").strip().casefold()
    if not one.examples:
        decision.reject(one, "empty", f"all {one.rows} rows have a blank prompt or answer")
    elif any(forbidden in licence for forbidden in FORBIDDEN_LICENSES):
        decision.reject(one, "licence", f"its licence is {one.source.license!r}, which forbids training")
    elif test > LEAK_WHOLE * len(one.examples):
        decision.reject(one, "leaking", leaking(one, plan) + f": more than {LEAK_WHOLE:.0%}, so made from test")
    else:
        return False
    return True


def _drop_rows(one: Measured, plan: EvalPlan | None) -> tuple[list[int], list[tuple[Fault, str, int]]]:
    """The positions that are kept, and (fault, reason, rows) of those that are not."""
    overlapping = set(one.overlap.drop)
    context = one.ruler.context
    lengths = one.prompt_lengths + one.answer_lengths
    long = set() if context is None else {i for i, length in enumerate(lengths) if length > context} - overlapping
    repeats = {*one.duplicates.exact, *one.duplicates.near} - overlapping - long
    dropped: list[tuple[Fault, str, int]] = [
        ("empty", f"{one.empty} of {one.rows} rows have a blank prompt or answer: dropped", one.empty),
        ("leaking", leaking(one, plan) + ": dropped", len(overlapping)),
        ("too_long", f"prompt and answer exceed the model's context of {context} tokens: dropped", len(long)),
        ("duplicated", duplicated(one), len(repeats)),
    ]
    gone = overlapping | long | repeats
    return [i for i in range(len(one.examples)) if i not in gone], dropped


def _dispensable(kept: Mapping[str, Sequence[int]], suspects: set[str]) -> bool:
    """Whether the sources that are not suspect hold enough rows to do without those that are."""
    clean = sum(len(rows) for name, rows in kept.items() if name not in suspects)
    total = sum(len(rows) for rows in kept.values())
    return clean > 0 and (clean >= ENOUGH_ROWS or clean >= ENOUGH_SHARE * total)


def _settle_conflicts(sources: Sequence[Measured], suspects: Sequence[str], decision: Decision) -> None:
    """Where kept rows answer one prompt differently: the majority stays, without one none; a suspect's rows go."""
    votes: dict[str, Counter[str]] = defaultdict(Counter)
    for one in sources:
        for position in decision.kept[one.name]:
            example = one.examples[position]
            votes[example.key][example.answer_key] += 1
    winners = {key: _majority(held) for key, held in votes.items() if len(held) > 1}
    for one in sources:
        suspect = one.name in suspects
        before = decision.kept[one.name]
        after = [
            i
            for i in before
            if (key := one.examples[i].key) not in winners
            or (not suspect and winners[key] == one.examples[i].answer_key)
        ]
        decision.kept[one.name] = after
        gone = len(before) - len(after)
        if suspect:
            told = f"{wrong_answers(one)}; kept, as the other sources hold too few rows, without {gone} in conflict"
            decision.rejected.append(
                Rejection(source=one.name, fault="mislabelled", rows=gone, whole=False, reason=told)
            )
        else:
            reason = f"{gone} rows answer a prompt that others answer differently, and are not the majority: dropped"
            decision.reject(one, "conflicting", reason, gone)


def _majority(held: Counter[str]) -> str | None:
    """The answer with most votes, or None where two share the first place."""
    (best, votes), (_, next_votes) = held.most_common(2)
    return best if votes > next_votes else None
