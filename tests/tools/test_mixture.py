"""The mixture holds every prompt once, in an order that the seed alone decides, and is measured as models measure."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from datetime import date
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import Tokenizer, models, pre_tokenizers

from protocol.errors import BadInput
from tools.examples import Example, answer_key, make_all
from tools.mixture import Ingredient, mix, weigh, write
from tools.token_lengths import ruler


def ingredients(source: str, texts: list[str]) -> list[Ingredient]:
    rows = [{"text": text, "when": date(2020, 1, 1)} for text in texts]
    made = make_all(rows, "{text} ->", " {text}", "exact_match")
    return [Ingredient(source, example, len(example.prompt), len(example.completion)) for example in made if example]


def test_a_prompt_in_two_sources_is_taken_once_and_counted_for_the_first(tmp_path: Path) -> None:
    mixed = mix([*ingredients("a", ["x", "y"]), *ingredients("b", ["Y ", "z"])], seed=0)
    mixture = write(tmp_path / "data" / "mixture-0.jsonl", mixed)
    assert mixture.rows == 3 and mixture.weights == {"a": 2, "b": 1}
    data = Path(mixture.path).read_bytes()
    assert mixture.sha256 == hashlib.sha256(data).hexdigest()
    rows = [json.loads(line) for line in data.splitlines()]
    assert sorted(row["prompt"] for row in rows) == ["x ->", "y ->", "z ->"]
    assert {"prompt": "x ->", "completion": " x", "answer": "x", "row": {"text": "x", "when": "2020-01-01"}} in rows
    assert [path.name for path in (tmp_path / "data").iterdir()] == ["mixture-0.jsonl"]


def test_the_order_is_the_seeds() -> None:
    rows = ingredients("a", [str(n) for n in range(50)])
    assert mix(rows, seed=1) == mix(rows, seed=1) != mix(rows, seed=2)


def test_lengths_are_the_tokenizers_where_there_is_one(tmp_path: Path) -> None:
    tokenizer = Tokenizer(models.WordLevel({"<unk>": 0}, unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.save(str(tmp_path / "tokenizer.json"))
    (tmp_path / "config.json").write_text('{"text_config": {"max_position_embeddings": 64}}')
    measuring = ruler(tmp_path)
    assert (measuring.unit, measuring.context) == ("tokens", 64)
    assert measuring.measure(["one two three", ""]).tolist() == [3, 0]
    absent = ruler(tmp_path / "absent")
    assert (absent.unit, absent.context) == ("characters", None)
    assert absent.measure(["four", ""]).tolist() == [4, 0]


def test_blank_rows_make_no_example_and_a_missing_column_is_told() -> None:
    rows: list[dict[str, object]] = [{"q": " ", "a": "x"}, {"q": "x", "a": None}, {"a": "x"}, {"q": "x", "a": 0}]
    made = make_all(rows, "{q} ->", " {a}", "exact_match")
    assert [example and example.completion for example in made] == [None, None, None, " 0"]
    with pytest.raises(BadInput, match=r"no column 'label' \(there are: q, a\)"):
        make_all(rows, "{q}", "{label}", "exact_match")
    with pytest.raises(BadInput, match="every row has a blank"):
        make_all([{"q": ""}], "{q}", "{q}", "exact_match")


def test_worked_solutions_with_the_same_number_are_the_same_answer() -> None:
    one, other = (
        Example("p", text, "p", answer_key(text, "numeric"), {}) for text in ("3*4=12 #### 12", "it is 12.00")
    )
    assert one.answer_key == other.answer_key == "12"
    assert answer_key(" a  b ", "exact_match") == "a b"
    assert answer_key("120", "numeric") == "120"


@given(
    st.dictionaries(st.sampled_from("abc"), st.integers(1, 60), min_size=1),
    st.dictionaries(st.sampled_from("abc"), st.floats(0.1, 10), max_size=3),
    st.none() | st.integers(1, 100),
)
def test_weights_hold_without_a_row_twice(there: dict[str, int], weights: dict[str, float], cap: int | None) -> None:
    mixed = [one for name, count in there.items() for one in ingredients(name, [str(n) for n in range(count)])]
    taken = weigh(mixed, weights, cap)
    counts = Counter(one.source for one in taken)
    shared = [name for name in there if name in weights]
    assert len(taken) <= max(len(shared), len(mixed) if cap is None else cap)
    assert len({id(one) for one in taken}) == len(taken) and [one for one in mixed if one in taken] == taken
    if weights:
        assert set(counts) == set(shared)
        rows = sum(counts.values())
        for name in shared:  # a row more or less, as rows are whole
            wanted = rows * weights[name] / sum(weights[one] for one in shared)
            assert abs(counts[name] - wanted) <= len(shared) + 1
