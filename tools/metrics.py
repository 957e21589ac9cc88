"""Scores a prediction against what was expected. Called by the scorer for every item, and, copied verbatim into job
folders as `metric.py`, as the reward of GRPO and the filter of rejection sampling: standard library only.

Every metric is a function `(prediction, expected, row) -> float` in [0, 1], where 1 is right. A prediction is what
`cut` leaves of the model's text, and nothing more is taken off it, here or there: a reward that reads more kindly than
the scorer teaches the policy answers that score 0.
"""

from __future__ import annotations

import importlib.util
import inspect
import json
import logging
import re
import shlex
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from typing import cast

log = logging.getLogger(__name__)
Row = Mapping[str, object]
Metric = Callable[[str, str, Row], float]

NUMERIC_TOLERANCE = Decimal("1e-6")
"""Relative, and only where one of the two has decimals: whole numbers must agree to the last digit."""
COMMAND_TIMEOUT_SECONDS = 600.0
_OPTION_COLUMNS = ("choices", "options")
_LETTERS = "ABCDEFGHIJ"

_NUMBER = re.compile(
    r"(?:(?<![\w.)])[-+−])?\$?(?<![\d.])(?:(?:\d{1,3}(?:,\d{3})+(?![\d,])|\d+)(?:\.\d+)?|\.\d+)(?:[eE][-+]?\d{1,3}(?!\d))?"
)
_ARTICLE = r"(?!(?:A|I) [a-z])"  # "A dog", "I think": words, not options
_SAID = re.compile(
    r"\b(?i:answer|choice|option)\b(?:\s+is)?\s*:?\s*[*(\[\"']*" + _ARTICLE + r"([A-J](?![\w'’])|[a-j](?![\w'’ ]))"
)
_BRACKETED = re.compile(r"\(([A-Ja-j])\)")
_STANDALONE = re.compile(r"(?<![\w'’])" + _ARTICLE + r"([A-J])(?![\w'’])")
_ONLY_LETTER = re.compile(r"^\W*([A-Ja-j])\W*$")


class MetricError(ValueError):
    """A metric that cannot be loaded, or that gave something else than a number in [0, 1]."""

    exit_code = 2

    def __init__(self, metric: str, what: str, remedy: str) -> None:
        self.metric, self.what, self.remedy = metric, what, remedy
        super().__init__(f"metric {metric}: {what}; {remedy}")


def exact_match(prediction: str, expected: str, row: Row) -> float:
    """1 when both are the same text, after the ends are stripped and white space is collapsed."""
    return float(" ".join(prediction.split()) == " ".join(expected.split()))


def numeric(prediction: str, expected: str, row: Row) -> float:
    """1 when the last number in the prediction equals the last one in `expected`; `1,234`, `$5` and `50%` are read."""
    got, wanted = last_number(prediction), last_number(expected)
    if got is None or wanted is None:
        return 0.0
    if got == wanted:
        return 1.0
    if got == got.to_integral_value() and wanted == wanted.to_integral_value():
        return 0.0
    return float(abs(got - wanted) <= NUMERIC_TOLERANCE * abs(wanted))


def multiple_choice(prediction: str, expected: str, row: Row) -> float:
    """1 when the option chosen is the one expected, given as its letter (A-J) or as its full text.

    The choice is what follows "answer" or "answer is", else a letter in brackets, else the first letter that stands
    alone. Texts of options are looked up in the row: `choices` or `options` (a list, or a dict by letter, or the
    Hub's {"label": […], "text": […]}), or columns named `A`, `B`, …
    """
    wanted = " ".join(expected.split())
    if _folded(prediction) == _folded(wanted):
        return 1.0
    options = _options(row)
    letter = _letter_of(wanted, options)
    if letter is None:
        return 0.0
    by_text = next((key for key, text in options.items() if text == _folded(prediction)), None)
    return float((by_text or chosen_letter(prediction)) == letter)


def last_number(text: str) -> Decimal | None:
    """The last number in a text, without separators, `$` or `%`; None where there is none."""
    found = _NUMBER.findall(text)
    if not found:
        return None
    return Decimal(re.sub(r"[,$\s]", "", found[-1]).replace("−", "-"))


def chosen_letter(text: str) -> str | None:
    """The letter of the option that a text chooses, upper case; None where it chooses none."""
    for pattern in (_ONLY_LETTER, _SAID, _BRACKETED, _STANDALONE):
        found = pattern.search(text)
        if found:
            return found[1].upper()
    return None


def cut(text: str, stops: Sequence[str]) -> str:
    """The text up to the first of the stop strings, white space and all; an empty stop string stops nothing."""
    ends = [found for found in (text.find(stop) for stop in stops if stop) if found >= 0]
    return text[: min(ends)] if ends else text


def load(metric: str, folder: Path) -> Metric:
    """The metric that a task names. `folder` is what `python:…` and `grader:…` are relative to.

    Raises MetricError. A `grader:` metric starts its program at every call: use `score_all` for many.
    """
    if metric in BUILT_IN:
        return BUILT_IN[metric]
    if metric.startswith("python:"):
        return _load_python(metric, folder)
    if metric.startswith("grader:"):
        return lambda prediction, expected, row: _run_command(metric, folder, [prediction], [expected], [row])[0]
    known = ", ".join(BUILT_IN)
    raise MetricError(metric, "it is not known", f"use {known}, python:module:function or grader:…")


def score_all(
    metric: str, folder: Path, predictions: Sequence[str], expected: Sequence[str], rows: Sequence[Row]
) -> list[float]:
    """The scores of many predictions, in order. A `grader:` metric is started once.

    An item on which the metric raises an error scores 0. Raises MetricError, or what the metric raised on the first
    item when it did so on every one.
    """
    if not len(predictions) == len(expected) == len(rows):
        raise ValueError(f"{len(predictions)} predictions, {len(expected)} expected, {len(rows)} rows: not one to one")
    if not predictions:
        return []
    if metric.startswith("grader:"):
        return _run_command(metric, folder, predictions, expected, rows)
    return _score_each(metric, load(metric, folder), list(zip(predictions, expected, rows, strict=True)))


def tolerant(metric: Metric) -> Metric:
    """The metric with 0 for an item on which it raises, as in `score_all`, for callers that score one at a time.

    Each kind of error is logged once, without its text. A MetricError is raised as ever.
    """
    seen: set[str] = set()

    def score(prediction: str, expected: str, row: Row) -> float:
        try:
            return metric(prediction, expected, row)
        except MetricError:
            raise
        except Exception as error:  # a user's function, and a model's odd answer
            kind = type(error).__name__
            if kind not in seen:
                seen.add(kind)
                log.warning("the metric failed on an item (%s), which scores 0, as will others like it", kind)
            return 0.0

    return score


BUILT_IN: dict[str, Metric] = {"exact_match": exact_match, "numeric": numeric, "multiple_choice": multiple_choice}


def _score_each(metric: str, score: Metric, items: Sequence[tuple[str, str, Row]]) -> list[float]:
    scores: list[float] = []
    failures: list[Exception] = []
    for item in items:
        try:
            scores.append(score(*item))
        except MetricError:
            raise
        except Exception as error:  # a user's function, and a model's odd answer
            failures.append(error)
            scores.append(0.0)
    if len(failures) == len(items):
        raise failures[0]
    if failures:  # without their texts, which may hold rows of the test split
        kinds = ", ".join(sorted({type(error).__name__ for error in failures}))
        log.warning("metric %s failed on %d of %d items (%s), which score 0", metric, len(failures), len(items), kinds)
    return scores


def _folded(text: str) -> str:
    return " ".join(text.split()).casefold()


def _options(row: Row) -> dict[str, str]:
    """The texts of a row's options by letter, folded for comparison."""
    held = next((row[name] for name in _OPTION_COLUMNS if row.get(name)), None)
    if isinstance(held, Mapping) and {"label", "text"} <= set(held):
        held = dict(zip(held["label"], held["text"], strict=False))
    if held is None:
        held = {letter: row[letter] for letter in _LETTERS if letter in row}
    if isinstance(held, Mapping):
        return {str(key).strip().upper(): _folded(str(text)) for key, text in held.items()}
    if isinstance(held, (list, tuple)):
        return {letter: _folded(str(text)) for letter, text in zip(_LETTERS, held, strict=False)}
    return {}


def _letter_of(wanted: str, options: Mapping[str, str]) -> str | None:
    """The letter that `expected` means: itself where it is one, else that of the option with this text."""
    only = _ONLY_LETTER.match(wanted)
    if only:
        return only[1].upper()
    return next((key for key, text in options.items() if text == _folded(wanted)), None)


def _load_python(metric: str, folder: Path) -> Metric:
    _, module, name = metric.split(":", 2)
    path = folder / (module if module.endswith(".py") else module.replace(".", "/") + ".py")
    if not path.is_file():
        raise MetricError(metric, f"there is no file {path}", "put it beside the task file, or correct the name")
    spec = importlib.util.spec_from_file_location(f"task_metric_{path.stem}", path)
    if spec is None or spec.loader is None:
        raise MetricError(metric, f"{path} is not a Python file", "give a .py file")
    loaded = importlib.util.module_from_spec(spec)
    sys.path.insert(0, str(folder))  # so that the metric can import what lies beside it
    try:
        spec.loader.exec_module(loaded)
    except Exception as error:
        raise MetricError(metric, f"{path} fails on import: {type(error).__name__}: {error}", "correct it") from error
    finally:
        sys.path.remove(str(folder))
    function = getattr(loaded, name, None)
    if not callable(function):
        raise MetricError(metric, f"{path} has no function {name!r}", "correct the name")
    return _checked(metric, function)


def _checked(metric: str, function: Callable[..., object]) -> Metric:
    """The user's function of two or three arguments as a Metric that gives nothing but numbers in [0, 1]."""
    signature = inspect.signature(function)
    try:
        signature.bind("", "", {})
        takes_row = True
    except TypeError:
        try:
            signature.bind("", "")
        except TypeError as error:
            raise MetricError(metric, f"it takes {signature}", "take (prediction, expected) or also (row)") from error
        takes_row = False

    def score(prediction: str, expected: str, row: Row) -> float:
        given = (prediction, expected, row) if takes_row else (prediction, expected)
        return _in_range(metric, function(*given))

    return score


def _in_range(metric: str, value: object) -> float:
    try:
        number = float(cast(float, value))
    except (TypeError, ValueError) as error:
        raise MetricError(metric, f"it gave {value!r}, no number", "give a number from 0 to 1") from error
    if not 0.0 <= number <= 1.0:  # NaN fails here too
        raise MetricError(metric, f"it gave {number}", "give a number from 0 to 1")
    return number


def _run_command(
    metric: str, folder: Path, predictions: Sequence[str], expected: Sequence[str], rows: Sequence[Row]
) -> list[float]:
    """One run for all items: JSONL {prediction, expected, row} on standard input, a number a line on its output."""
    command = shlex.split(metric.removeprefix("grader:"))
    items = zip(predictions, expected, rows, strict=True)
    lines = [json.dumps({"prediction": p, "expected": e, "row": dict(r)}, default=str) for p, e, r in items]
    try:
        done = subprocess.run(
            command, input="\n".join(lines) + "\n", cwd=folder, capture_output=True, text=True, check=False,
            encoding="utf-8", timeout=COMMAND_TIMEOUT_SECONDS,
        )  # fmt: skip
    except (OSError, IndexError, subprocess.TimeoutExpired) as error:
        raise MetricError(metric, f"the program cannot be run: {error}", f"try it in {folder}") from error
    if done.returncode != 0:
        said = (done.stderr.strip().splitlines() or ["(it said nothing)"])[-1]
        raise MetricError(metric, f"the program ended with {done.returncode}: {said}", f"try it in {folder}")
    scores = [_in_range(metric, line) for line in done.stdout.split()]
    if len(scores) != len(lines):
        raise MetricError(metric, f"{len(lines)} items in, {len(scores)} numbers out", "print one number a line")
    return scores
