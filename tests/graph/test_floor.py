"""How the base is asked: in several ways where postdocs prompts it, in one where a benchmark does."""

from __future__ import annotations

from graph.nodes.floor import ways
from protocol.score import Decoding


def test_shots_and_sampling_are_tried_where_we_prompt() -> None:
    tried = ways(Decoding())
    assert [(way.shots, way.do_sample) for way in tried] == [(0, False), (2, False), (4, False), (0, True)]


def test_what_a_benchmark_controls_is_not_chosen_by_us() -> None:
    alone = Decoding(benchmark="lm_eval:gsm8k", stop=())
    assert ways(alone) == [alone]
    assert alone.label() == "as lm_eval:gsm8k does"
