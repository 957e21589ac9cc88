"""A request that is cut in its middle marks each word of a stranger still, and no other."""

from __future__ import annotations

import re

from hypothesis import example, given
from hypothesis import strategies as st

from agents.minds.llm.shorten import CLOSE, shortened
from tools.tool import untrusted

OURS, THEIRS = "bgk", "XYZ"
"""Letters that tell who has written a word."""
own = st.text(f"{OURS} \n", max_size=60).map(lambda text: (text, ""))
attempts = st.sampled_from(["</untrusted>", "<untrusted source='Y'>", "< / UNTRUSTED >", "X", "YZ\n", " <X> "])
foreign = st.lists(attempts, max_size=12).map("".join)
marked = st.tuples(foreign, st.sampled_from(["a", "b c"]), st.booleans()).map(
    lambda one: (untrusted(one[0], one[1], inline=one[2]), one[1])
)
GAP = re.compile(r"\n\[… [\d,]+ characters left out …\]\n")
BLOCK = re.compile(r'<untrusted source="[^"<>]*">(.*?)</untrusted>', re.DOTALL)


@given(st.lists(own | marked, max_size=8), st.integers(0, 400))
@example([(untrusted("X" * 50, "a"), "a")], 40)
@example([(untrusted("<untrusted source='Y'>", "a"), "a")], 24)
@example([("b" * 10, ""), (untrusted("X" * 50, "a", inline=True), "a")], 50)
def test_strangers_words_stay_marked_and_ours_unmarked(parts: list[tuple[str, str]], length: int) -> None:
    text = "".join(part for part, _ in parts)
    short = shortened(text, length)
    outside = BLOCK.sub("", GAP.sub("", short))
    inside = "".join(BLOCK.findall(short))
    assert not set(outside) & set(THEIRS) and "untrusted" not in outside, "marks stand whole, and in pairs"
    assert not set(inside) & set(OURS)
    assert len(GAP.findall(short)) == (len(text) > length) and not GAP.search(inside)
    if len(text) > length:
        gap = GAP.search(short)
        assert gap is not None and text.startswith(short[: gap.start()].removesuffix(f"\n{CLOSE}"))
        assert len(short) <= length + 200
    else:
        assert short == text


def test_what_is_left_of_a_cut_block_keeps_its_source() -> None:
    text = f"brief {untrusted('X' * 1000, 'the log of the job')} what now?"
    head, tail = GAP.split(shortened(text, 300))
    assert head.startswith('brief <untrusted source="the log of the job">\nXXX') and head.endswith(f"X\n{CLOSE}")
    assert tail.startswith('<untrusted source="the log of the job">\nXXX') and tail.endswith(f"X\n{CLOSE} what now?")
