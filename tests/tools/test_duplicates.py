"""Duplicates are rows that say again what an earlier one says: not rows that look alike."""

from __future__ import annotations

import random
import string

from hypothesis import given
from hypothesis import strategies as st

from tools.duplicates import MAX_ROWS, find
from tools.examples import Example, make_all


def made(pairs: list[tuple[str, str]]) -> list[Example]:
    rows = [{"text": text, "answer": answer} for text, answer in pairs]
    return [example for example in make_all(rows, "{text}", "{answer}", "exact_match") if example]


def sentences(count: int, seed: int = 0) -> list[str]:
    rng = random.Random(seed)
    words = ["".join(rng.choices(string.ascii_lowercase, k=rng.randint(2, 9))) for _ in range(3000)]
    return [" ".join(rng.choices(words, k=12)) for _ in range(count)]


@given(st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from("xy")), min_size=1))
def test_what_is_left_without_exact_duplicates_is_every_row_once(pairs: list[tuple[str, str]]) -> None:
    found = find(made(pairs))
    assert len(pairs) - len(found.exact) == len(set(pairs))
    assert 0 not in found.exact


def test_case_space_and_closing_punctuation_are_no_difference() -> None:
    found = find(made([("May 3, 1997", "a"), ("may 3,  1997 ", "a"), ("May 3, 1997.", "a"), ("May 3, 1997", "b")]))
    assert (found.exact, found.near) == ((1,), (2,))


def test_texts_that_differ_in_a_digit_or_in_the_answer_are_different() -> None:
    long = "what will the balance of my savings account be on the morning of day {} of the coming month, please"
    found = find(made([(long.format(3), "a"), (long.format(4), "a"), (long.format(3) + " now", "b")]))
    assert (found.exact, found.near) == ((), ())


def test_long_texts_that_differ_in_a_word_are_near_in_small_groups_and_in_large() -> None:
    for count in (40, 2000):
        texts = sentences(count)
        found = find(made([(text, "yes") for text in [*texts, *(text + " x" for text in texts[:20])]]))
        assert (found.exact, found.near) == ((), tuple(range(count, count + 20)))
        assert found.near_estimate == 20 and not found.note


def test_many_rows_are_sampled_and_the_estimate_says_so() -> None:
    texts = sentences(27_000)
    rows = [(text, random.Random(text).choice("yn")) for text in texts]
    found = find(made(rows + [(text + " x", answer) for text, answer in rows[:3000]]))
    assert found.examined <= MAX_ROWS and f"from {found.examined} of 30000 rows" in found.note
    assert 2400 < found.near_estimate < 3600
    assert len(found.near) < 3000
