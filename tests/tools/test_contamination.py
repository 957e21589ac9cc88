"""Overlap finds what is held out, and not what merely looks like it."""

from __future__ import annotations

import random

from hypothesis import given
from hypothesis import strategies as st

from tools.contamination import OverlapCounts, normalise, overlap

TEXTS = st.lists(st.text("ab ", max_size=30), max_size=12)
LONG = "the quick brown fox jumps over the lazy dog near the old mill"


@given(TEXTS, TEXTS, st.randoms())
def test_counts_do_not_depend_on_order(texts: list[str], held: list[str], rng: random.Random) -> None:
    before = overlap(texts, held, n=3)
    order = list(range(len(texts)))
    rng.shuffle(order)
    rng.shuffle(held)
    after = overlap([texts[i] for i in order], held, n=3)
    assert (after.exact, after.near) == (before.exact, before.near)
    assert sorted(order[i] for i in after.drop) == list(before.drop)


@given(TEXTS, TEXTS)
def test_dropping_what_overlaps_leaves_nothing_that_does(texts: list[str], held: list[str]) -> None:
    first = overlap(texts, held, n=3)
    assert first.exact + first.near == len(first.drop)
    left = [text for position, text in enumerate(texts) if position not in first.drop]
    assert overlap(left, held, n=3) == OverlapCounts(0, 0, ())


@given(st.text(min_size=1).filter(lambda text: bool(text.strip())))
def test_case_and_space_do_not_hide_a_held_out_text(text: str) -> None:
    assert overlap([f"  {text.upper()} \n"], [text.upper()]).exact == bool(normalise(text.upper()))


def test_punctuation_tells_short_texts_apart() -> None:
    assert overlap(["03-04-1997", "3 April 1997", "03/04/1997 "], ["03/04/1997"]).drop == (2,)


def test_a_shared_run_of_eight_words_is_near() -> None:
    found = overlap([f"well, {LONG}", "the quick brown fox jumps over the cat", "Fox jumps over"], [LONG])
    assert found == OverlapCounts(exact=0, near=1, drop=(0,))


def test_short_texts_overlap_exactly_or_not_at_all() -> None:
    assert overlap(["one two three four five six seven!"], ["one two three four five six seven"]).drop == ()


def test_the_words_of_the_prompt_template_are_no_overlap() -> None:
    frame = "Please work out what the following expression is worth: {} and answer with nothing but the number"
    held = [frame.format(f"{n} + {n + 1}") for n in range(100, 150)]
    given = [frame.format(f"{n} + 7") for n in range(200, 300)] + [held[3]]
    assert overlap(given, held) == OverlapCounts(1, 0, (100,))


def test_a_phrase_that_many_held_out_texts_share_is_no_overlap() -> None:
    phrase = "could you please tell me as soon as possible"
    held = [f"item {n} {phrase} about {n}" for n in range(30)]
    assert overlap([f"thing x {phrase} regarding y"], held).drop == ()
    assert overlap([f"thing x {phrase} regarding y"], held[:4]).near == 1


def test_twenty_thousand_rows_are_done_in_a_second_or_so() -> None:
    rng = random.Random(0)
    texts = [" ".join(str(rng.randrange(5000)) for _ in range(20)) for _ in range(20_000)]
    assert overlap(texts, texts[:500]).exact == 500
