"""Which items of a benchmark are dev and which are test: seeded, disjoint by what they ask, the same everywhere."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from protocol.brief import Task
from services.scorer import divide
from services.scorer.harness.ask import Listed
from tools.contamination import normalise


def split(questions: list[str], **benchmark: object) -> tuple[list[str], list[str]]:
    told = {"name": "t", "goal": "g", "base_model": "m", "prompt": "{a}", "answer": "{b}", "metric": "lm_eval:x"}
    task = Task.model_validate({**told, "data": [{"name": "one", "file": "f"}], "benchmark": benchmark})
    items = [Listed(id=str(number), prompt=question, answer="a") for number, question in enumerate(questions)]
    dev, test = divide.parts(items, task.benchmark)
    return [item.prompt for item in dev], [item.prompt for item in test]


@given(st.lists(st.text(max_size=8), max_size=60), st.integers(0, 3), st.floats(0.05, 0.95))
def test_no_question_stands_on_both_sides(questions: list[str], seed: int, share: float) -> None:
    dev, test = split(questions, seed=seed, dev_share=share)
    assert sorted([*dev, *test]) == sorted(questions)
    assert not {normalise(one) for one in dev} & {normalise(one) for one in test}
    assert split(questions, seed=seed, dev_share=share) == (dev, test)


def test_the_share_is_kept_and_the_seed_matters() -> None:
    questions = [f"question {number}" for number in range(1000)]
    dev, test = split(questions, dev_share=0.3)
    assert 250 < len(dev) < 350
    assert split(questions, dev_share=0.3, seed=1)[0] != dev
    assert set(test) == set(questions) - set(dev)
    few, same = split(questions, dev_share=0.3, dev_sample=20)
    assert (len(few), same) == (20, test)
    assert set(few) < set(dev)


def test_another_item_moves_none_of_the_others() -> None:
    questions = [f"question {number}" for number in range(100)]
    assert set(split(questions)[0]) <= set(split([*questions, "one more"])[0])
