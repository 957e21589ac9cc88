"""Estimates the share of wrong answers in every source. Called by the curator.

Two kinds of evidence. Disagreement: where two sources answer the same prompt differently, at least one is wrong, and
over all pairs (the trusted dev split among them) it can be told which. Classifier: where answers are few classes, a
classifier agrees less with noisy labels than with trusted ones (Northcutt et al. 2021, arXiv:1911.00068, for context).
"""

from __future__ import annotations

import math
import random
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tools.examples import Example

MIN_SHARED = 20
"""Prompts that a pair must share to count: with fewer the 95 % interval of a share is wider than 0.4."""
TRUSTED_WEIGHT = 10.0
"""How much more a comparison with dev counts: two copies of one bad source agree with each other, but not with dev."""
NEGLIGIBLE = 0.01
"""Pairs that differ less than this leave no blame to share out."""
FOLDS = 5
MAX_CLASSES, MIN_ROWS_A_CLASS = 200, 5
MAX_ROWS = 20_000
MIN_TRUSTED = 50
_TRUSTED = "dev"
_ALMOST_ONE = 0.999
_Answers = Mapping[str, Counter[str]]
"""How often each answer is given, by prompt."""


@dataclass(frozen=True)
class NoiseEstimate:
    """The share of wrong answers in a source."""

    share: float
    low: float
    """Lower end of the 95 % interval (normal approximation)."""
    support: int
    """Prompts, or rows, that the estimate rests on."""
    evidence: str
    anchored: bool = False
    """True where the source itself was compared with the trusted split, prompt by prompt."""


@dataclass(frozen=True)
class _Pair:
    one: int
    other: int
    """Position among the sources; -1 is the trusted split."""
    differing: float
    shared: int


def disagreement(sources: Mapping[str, Sequence[Example]], trusted: Sequence[Example] = ()) -> dict[str, NoiseEstimate]:
    """Estimates from answers to shared prompts; a source that nothing can be told about is left out.

    With error rates e, and errors that do not coincide, a pair differs at a share d = 1 - (1 - e_i)(1 - e_j). So
    a_i + a_j = -log(1 - d) with a = -log(1 - e) >= 0: non-negative least squares, weighted by the shared prompts.
    Dev has e = 0. Repeats within a source count only where it meets no other, as copies repeat their errors.
    """
    names = list(sources)
    answers = [_by_prompt(examples) for examples in sources.values()]
    pairs = _pairs(answers, _by_prompt(trusted))
    solved = _solve(pairs, len(names))
    estimates: dict[str, NoiseEstimate] = {}
    for position, name in enumerate(names):
        mine = [pair for pair in pairs if position in (pair.one, pair.other)]
        if mine and not math.isnan(solved[position]):
            share = float(1 - np.exp(-solved[position]))
            estimates[name] = _estimate(share, mine, _told(mine, position, names, share))
    return estimates


def combined(sources: Mapping[str, Sequence[Example]], trusted: Sequence[Example] = ()) -> dict[str, NoiseEstimate]:
    """The best estimate of every source that has one: a comparison with dev itself, prompt by prompt, before all
    else; otherwise whichever evidence is surer that answers are wrong, as copies of a bad source do agree."""
    found = disagreement(sources, trusted)
    for name, examples in sources.items():
        seen = found.get(name)
        if seen is None or not seen.anchored:
            judged = classified(examples, trusted)
            if judged and (seen is None or judged.low > seen.low):
                found[name] = judged
    return found


def classified(examples: Sequence[Example], trusted: Sequence[Example], seed: int = 0) -> NoiseEstimate | None:
    """Estimate from a classifier, or None where answers are not few classes or there are too few trusted rows.

    1 - (agreement with the source's labels, cross-validated) / (agreement with the trusted labels, by the same
    classifiers): with labels wrong at random, the first is the second times (1 - noise). Prompts of the trusted split
    are left out of the source, and repeats of a prompt too: both would be answered from memory.
    """
    held = {example.key for example in trusted}
    once = list({example.key: example for example in examples if example.key not in held}.values())
    if len(once) > MAX_ROWS:
        once = random.Random(seed).sample(once, MAX_ROWS)
    classes = {key: number for number, key in enumerate(sorted({example.answer_key for example in once}))}
    judged = [example for example in trusted if example.answer_key in classes]
    if not 2 <= len(classes) <= MAX_CLASSES or len(once) < MIN_ROWS_A_CLASS * len(classes):
        return None
    if len(judged) < max(MIN_TRUSTED, 0.9 * len(trusted)):
        return None
    own, right = _accuracies(once, judged, classes, seed)
    if right < 2 / len(classes):
        return None  # barely better than chance: no judge
    spread = 1.96 * (own / right) * math.sqrt((1 - own) / (own * len(once) + 1) + (1 - right) / (right * len(judged)))
    share = min(1.0, max(0.0, 1 - own / right))
    evidence = (
        f"a naive Bayes classifier agrees with {own:.1%} of its labels (cross-validated, {len(once)} rows) and with "
        f"{right:.1%} of dev's ({len(judged)} rows)"
    )
    return NoiseEstimate(share, max(0.0, share - spread), len(once), evidence)


def _by_prompt(examples: Sequence[Example]) -> _Answers:
    found: dict[str, Counter[str]] = defaultdict(Counter)
    for example in examples:
        found[example.key][example.answer_key] += 1
    return found


def _pairs(answers: Sequence[_Answers], trusted: _Answers) -> list[_Pair]:
    """All pairs of sources with enough shared prompts; a source alone is paired with itself."""
    pairs: list[_Pair] = []
    for one, mine in enumerate(answers):
        others = [(-1, trusted), *((other, answers[other]) for other in range(one))]
        pairs += [pair for other, theirs in others if (pair := _compare(one, mine, other, theirs))]
    met = {position for pair in pairs for position in (pair.one, pair.other)}
    for one, mine in enumerate(answers):
        repeats = [_differing_within(held) for held in mine.values() if held.total() > 1]
        mean = sum(repeats) / max(1, len(repeats))
        if one not in met and len(repeats) >= MIN_SHARED and mean > 0:
            pairs.append(_Pair(one, one, mean, len(repeats)))
    return pairs


def _compare(one: int, mine: _Answers, other: int, theirs: _Answers) -> _Pair | None:
    shared = mine.keys() & theirs.keys()
    if len(shared) < MIN_SHARED:
        return None
    return _Pair(one, other, sum(_differing(mine[key], theirs[key]) for key in shared) / len(shared), len(shared))


def _differing(mine: Counter[str], theirs: Counter[str]) -> float:
    """The share of pairs, one answer from each, that differ."""
    same = sum(count * theirs[answer] for answer, count in mine.items())
    return 1 - same / (mine.total() * theirs.total())


def _differing_within(held: Counter[str]) -> float:
    """The share of pairs of different rows that differ."""
    same = sum(count * (count - 1) for count in held.values())
    return 1 - same / (held.total() * (held.total() - 1))


def _solve(pairs: Sequence[_Pair], count: int) -> NDArray[np.float64]:
    """-log(1 - error) of every source; NaN where the pairs do not determine it."""
    from scipy.optimize import nnls  # a third of a second to import

    if not pairs:
        return np.full(count, np.nan)
    matrix, target = np.zeros((len(pairs), count)), np.zeros(len(pairs))
    for line, pair in enumerate(pairs):
        weight = math.sqrt(pair.shared * (TRUSTED_WEIGHT if pair.other < 0 else 1.0))
        matrix[line, pair.one] += weight
        if pair.other >= 0:
            matrix[line, pair.other] += weight
        target[line] = -math.log(1 - min(pair.differing, _ALMOST_ONE)) * weight
    solution: NDArray[np.float64] = nnls(matrix, target)[0]
    solution[~_determined(matrix, pairs)] = np.nan
    return solution


def _determined(matrix: NDArray[np.float64], pairs: Sequence[_Pair]) -> NDArray[np.bool_]:
    """Which unknowns the equations fix. Two sources that differ, and meet nothing else, could share the blame in any
    way; two that hardly ever differ hardly err, as no error is below 0."""
    small = [position for pair in pairs if pair.differing <= NEGLIGIBLE for position in (pair.one, pair.other)]
    fixed = np.zeros(matrix.shape[1], dtype=np.bool_)
    fixed[[position for position in small if position >= 0]] = True
    open_ones = np.flatnonzero(~fixed)
    if len(open_ones):
        _, singular, axes = np.linalg.svd(matrix[:, open_ones], full_matrices=True)
        rank = int((singular > 1e-9 * max(1.0, singular.max())).sum())
        fixed[open_ones] = np.abs(axes[rank:]).max(axis=0, initial=0.0) < 1e-9
    return fixed


def _estimate(share: float, mine: Sequence[_Pair], evidence: str) -> NoiseEstimate:
    support = sum(pair.shared for pair in mine)
    low = max(0.0, share - 1.96 * math.sqrt(share * (1 - share) / support))
    return NoiseEstimate(share, low, support, evidence, anchored=any(pair.other < 0 for pair in mine))


def _told(mine: Sequence[_Pair], position: int, names: Sequence[str], share: float) -> str:
    parts = []
    for pair in mine:
        other = pair.other if pair.one == position else pair.one
        whom = "itself" if pair.one == pair.other else _TRUSTED if other < 0 else names[other]
        parts.append(f"{whom} on {pair.differing:.1%} of {pair.shared} shared prompts")
    return f"differs from {', '.join(parts)}: least squares over all pairs puts {share:.1%} of its answers wrong"


def _accuracies(
    once: Sequence[Example], judged: Sequence[Example], classes: Mapping[str, int], seed: int
) -> tuple[float, float]:
    """Agreement of FOLDS classifiers with the labels they have not seen, and with the trusted ones."""
    from tools import naive_bayes as nb

    x, y = nb.features([example.key for example in once]), np.array([classes[e.answer_key] for e in once])
    trusted_x = nb.features([example.key for example in judged])
    trusted_y = np.array([classes[example.answer_key] for example in judged])
    fold = np.random.default_rng(seed).permutation(len(once)) % FOLDS
    own = right = 0
    for number in range(FOLDS):
        model = nb.fit(x[fold != number], y[fold != number], len(classes))
        own += int((nb.predict(model, x[fold == number]) == y[fold == number]).sum())
        right += int((nb.predict(model, trusted_x) == trusted_y).sum())
    return own / len(once), right / (len(judged) * FOLDS)
