"""Which training rows also stand in a held-out split. Called by the scorer, the trusted process that alone holds the
test split, and by nobody who could see more than the counts.

Exact: the same text after normalisation. Near: a shared run of eight words (Brown et al. 2020, arXiv:2005.14165,
appendix C, whose n is at least 8), for texts of at least eight words; shorter texts overlap exactly or not at all.
"""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

FREQUENT_NGRAM = 10
"""A run of words in more held-out texts than this is phrase or template, not content (GPT-3, appendix C)."""
TEMPLATE_TEXTS = 5
"""From so many different held-out texts on, words that all begin or end with are the prompt's template."""
_EDGES = ".,;:!?\"'“”‘’"


@dataclass(frozen=True)
class OverlapCounts:
    """How many of the given texts are held out. `exact` and `near` are disjoint; `drop` are the positions of both."""

    exact: int
    near: int
    drop: tuple[int, ...]


def normalise(text: str) -> str:
    """The text without what does not tell texts apart: NFKC, case folded, white space collapsed.

    Punctuation stays: 03/04/1997 and 03-04-1997 are different questions.
    """
    return " ".join(unicodedata.normalize("NFKC", text).casefold().split())


def overlap(texts: Sequence[str], held_out: Sequence[str], n: int = 8) -> OverlapCounts:
    """Counts of `texts` that stand in `held_out`, exactly or by a shared run of `n` words. Linear in both.

    Words of the prompt template, which all held-out texts share at their ends, do not count for the latter.
    """
    held = {normalise(text) for text in held_out} - {""}
    head, tail = _template([text.split() for text in held])
    known = _content_ngrams((_inner(text.split(), head, tail) for text in held), n)
    exact, near = [], []
    for position, text in enumerate(map(normalise, texts)):
        if text in held:
            exact.append(position)
        elif known and not known.isdisjoint(_ngrams(_inner(text.split(), head, tail), n)):
            near.append(position)
    return OverlapCounts(len(exact), len(near), tuple(sorted(exact + near)))


def _content_ngrams(texts: Iterable[list[str]], n: int) -> set[str]:
    """The runs of `n` words that tell a held-out text apart: those that few of them share."""
    counts: Counter[str] = Counter()
    for words in texts:
        counts.update(set(_ngrams(words, n)))
    return {ngram for ngram, count in counts.items() if count <= FREQUENT_NGRAM}


def _ngrams(words: Sequence[str], n: int) -> Iterable[str]:
    bare = [word.strip(_EDGES) or word for word in words]
    return (" ".join(bare[start : start + n]) for start in range(len(bare) - n + 1))


def _template(texts: Sequence[list[str]]) -> tuple[list[str], list[str]]:
    """The words that all texts begin and end with; none where there are too few texts to tell."""
    if len(texts) < TEMPLATE_TEXTS:
        return [], []
    head = _shared([text for text in texts])
    tail = _shared([text[len(head) :][::-1] for text in texts])[::-1]
    return head, tail


def _shared(texts: Sequence[list[str]]) -> list[str]:
    """The longest common beginning: that of the least and the greatest text in order."""
    first, last = min(texts), max(texts)
    length = next((i for i, (a, b) in enumerate(zip(first, last, strict=False)) if a != b), min(len(first), len(last)))
    return first[:length]


def _inner(words: list[str], head: list[str], tail: list[str]) -> list[str]:
    """The words between the template's: only a text that has them at its ends loses them."""
    if head and words[: len(head)] == head:
        words = words[len(head) :]
    if tail and words[-len(tail) :] == tail:
        words = words[: -len(tail)]
    return words
