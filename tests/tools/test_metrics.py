"""Metrics give 1 for what is right, 0 for what is not, and typed errors for what cannot be scored."""

from __future__ import annotations

import math
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tools import metrics
from tools.metrics import (
    MetricError,
    Row,
    cut,
    exact_match,
    last_number,
    load,
    multiple_choice,
    numeric,
    score_all,
    tolerant,
)


@given(st.text(), st.text())
def test_built_in_metrics_take_any_text_and_give_nought_or_one(prediction: str, expected: str) -> None:
    for metric in metrics.BUILT_IN.values():
        assert metric(prediction, expected, {}) in (0.0, 1.0)


@given(st.lists(st.text("abc", min_size=1), min_size=1), st.sampled_from([" ", "\n", "\t ", "  "]))
def test_exact_match_ignores_only_white_space(words: list[str], space: str) -> None:
    assert exact_match(space + space.join(words) + "\n", " ".join(words), {}) == 1.0
    assert exact_match(" ".join(words) + "x", " ".join(words), {}) == 0.0


@given(st.integers(-(10**40), 10**40), st.sampled_from(["{}", "it is {}.", "${:,}", "= {:,}", "{}%", "1, 2 or {}"]))
def test_whole_numbers_are_read_to_the_last_digit(number: int, frame: str) -> None:
    told = frame.format(number).replace("$-", "-$")
    assert last_number(told) == number
    assert numeric(told, f"#### {number}", {}) == 1.0
    assert numeric(told, str(number + 1), {}) == 0.0


@given(st.floats(-1e12, 1e12, allow_nan=False).filter(lambda x: abs(x) > 1e-3))
def test_decimals_are_equal_within_a_millionth(number: float) -> None:
    expected = repr(number) if "e" in repr(number) else f"{number:.9f}"
    assert numeric(f"{number * (1 + 1e-8):.9f}", expected, {}) == 1.0 or math.floor(number) == number
    assert numeric(f"{number * 1.001:.9f}", expected, {}) == 0.0


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("5-3", 3),
        ("x = -5", -5),
        ("-$1,234.50", -1234.5),
        ("1,2,3", 3),
        (".5", 0.5),
        ("1e3", 1000),
        ("−7", -7),
        ("72.", 72),
    ],
)
def test_numbers_are_read_as_people_write_them(text: str, number: float) -> None:
    assert last_number(text) == number


def test_no_number_is_never_right() -> None:
    assert numeric("none", "none", {}) == 0.0


@pytest.mark.parametrize(
    "said",
    [
        "B",
        "b",
        "(B)",
        "B) Berne",
        "Answer: B",
        "The answer is (b).",
        "A good one is B",
        "I think it's B",
        "**B**",
        "berne",
    ],
)
def test_the_chosen_option_is_found_in_what_models_say(said: str) -> None:
    row = {"choices": ["Paris", "Berne", "Rome"]}
    assert multiple_choice(said, "B", row) == 1.0
    assert multiple_choice(said, "C", row) == 0.0


@pytest.mark.parametrize(
    "row",
    [
        {"options": {"A": "x", "B": "y z"}},
        {"A": "x", "B": "y z"},
        {"choices": {"label": ["A", "B"], "text": ["x", "y z"]}},
    ],
)
def test_options_are_found_in_the_shapes_of_public_datasets(row: dict[str, object]) -> None:
    assert multiple_choice("Y  z", "B", row) == 1.0
    assert multiple_choice("The answer is B", "y z", row) == 1.0
    assert multiple_choice("x", "B", row) == 0.0


@pytest.mark.parametrize("signature", ["prediction, expected", "prediction, expected, row"])
def test_a_python_metric_lies_beside_the_task(signature: str, tmp_path: Path) -> None:
    (tmp_path / "beside.py").write_text("HALF = 0.5")
    (tmp_path / "mine.py").write_text(f"from beside import HALF\ndef score({signature}):\n    return HALF\n")
    assert load("python:mine:score", tmp_path)("a", "b", {}) == 0.5
    assert score_all("python:mine:score", tmp_path, ["a"] * 3, ["b"] * 3, [{}] * 3) == [0.5] * 3
    assert str(tmp_path) not in sys.path


@pytest.mark.parametrize(
    ("code", "told"),
    [
        ("def score(a, b): return 2", "it gave 2.0; give a number from 0 to 1"),
        ("def score(a, b): return float('nan')", "it gave nan"),
        ("def score(a, b): return 'good'", "'good', no number"),
        ("def score(a): return 1", r"it takes \(a\)"),
        ("def other(a, b): return 1", "no function 'score'"),
        ("import nothing_of_that_name", "fails on import: ModuleNotFoundError"),
    ],
)
def test_a_python_metric_that_cannot_score_says_why(code: str, told: str, tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(code)
    with pytest.raises(MetricError, match=told):
        load("python:mine:score", tmp_path)("a", "b", {})


def test_an_answer_on_which_a_python_metric_fails_scores_zero(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "mine.py").write_text("def score(prediction, expected): return float(int(prediction) == int(expected))")
    scores = score_all("python:mine:score", tmp_path, ["4", "a secret", "5"], ["4", "4", "4"], [{}] * 3)
    assert scores == [1.0, 0.0, 0.0]
    assert "failed on 1 of 3 items (ValueError)" in caplog.text
    assert "secret" not in caplog.text


def test_a_python_metric_that_fails_on_every_answer_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text("def score(prediction, expected): return float(prediction)")
    with pytest.raises(ValueError, match="'a'"):
        score_all("python:mine:score", tmp_path, ["a", "b"], ["4", "4"], [{}] * 2)


def test_a_tolerant_metric_gives_what_scoring_all_gives(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "mine.py").write_text("def score(prediction, expected): return float(int(prediction) == int(expected))")
    metric, predictions = "python:mine:score", ["4", "a secret", "5", "", "4.0"]
    scores = score_all(metric, tmp_path, predictions, ["4"] * len(predictions), [{}] * len(predictions))
    caplog.clear()
    gentle = tolerant(load(metric, tmp_path))
    assert [gentle(prediction, "4", {}) for prediction in predictions] == scores == [1.0, 0.0, 0.0, 0.0, 0.0]
    assert caplog.text.count("(ValueError)") == 1, "each kind of error is told once"
    assert "secret" not in caplog.text


def test_a_tolerant_metric_still_says_that_it_cannot_score() -> None:
    def broken(prediction: str, expected: str, row: Row) -> float:
        raise MetricError("mine", "it gave 2.0", "give a number from 0 to 1")

    with pytest.raises(MetricError, match=r"it gave 2\.0"):
        tolerant(broken)("a", "b", {})


@pytest.mark.parametrize(
    ("text", "stops", "left"),
    [
        ("one\ntwo;three", ("\n", ";"), "one"),
        ("one;two\nthree", ("\n", ";"), "one"),
        ("one", ("\n", ""), "one"),
        ("\none", ("\n",), ""),
        (" one \n", ("\n",), " one "),
        ("one\n", (), "one\n"),
        ("one END", ("\n", "END"), "one "),
        ("aab", ("ab", "aa"), ""),
    ],
)
def test_a_text_ends_at_the_first_stop_string(text: str, stops: tuple[str, ...], left: str) -> None:
    assert cut(text, stops) == left


@given(st.text("ab\n "), st.lists(st.text("ab\n ", max_size=2)))
def test_what_is_cut_is_the_longest_beginning_without_a_stop_string(text: str, stops: list[str]) -> None:
    left, real = cut(text, stops), [stop for stop in stops if stop]
    assert text.startswith(left)
    assert not any(stop in left for stop in real)
    assert left == text or any(text.startswith(stop, len(left)) for stop in real)


def test_a_grader_scores_all_items_in_one_run(tmp_path: Path) -> None:
    (tmp_path / "score.py").write_text(
        "import json, pathlib, sys\n"
        "pathlib.Path('runs').open('a').write('x')\n"
        "for line in sys.stdin:\n"
        "    item = json.loads(line)\n"
        "    print(float(item['prediction'] == item['expected'] + item['row']['end']))\n"
    )
    metric = f"grader:{sys.executable} score.py"
    scores = score_all(metric, tmp_path, ["a!", "b"], ["a", "b"], [{"end": "!"}, {"end": "!"}])
    assert scores == [1.0, 0.0]
    assert (tmp_path / "runs").read_text() == "x"
    assert load(metric, tmp_path)("a!", "a", {"end": "!"}) == 1.0


@pytest.mark.parametrize(
    ("command", "told"),
    [
        ("/no/such/thing", "cannot be run"),
        ("echo 1", "2 items in, 1 numbers out"),
        ("false", "ended with 1"),
        ("echo 1 7", "it gave 7.0"),
    ],
)
def test_a_grader_that_fails_says_why(command: str, told: str, tmp_path: Path) -> None:
    with pytest.raises(MetricError, match=told):
        score_all(f"grader:{command}", tmp_path, ["a", "b"], ["a", "b"], [{}, {}])


def test_an_unknown_metric_names_those_there_are(tmp_path: Path) -> None:
    with pytest.raises(MetricError, match="exact_match, numeric, multiple_choice, python:"):
        load("bleu", tmp_path)


def test_the_file_alone_works_where_nothing_of_ours_is_installed(tmp_path: Path) -> None:
    shutil.copy(metrics.__file__, tmp_path / "metric.py")
    code = "import metric; print(metric.numeric('It is 1,000.', '1000', {}))"
    done = subprocess.run([sys.executable, "-S", "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "1.0"
