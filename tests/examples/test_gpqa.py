"""The training questions of `examples/gpqa`: rows as the Hub's datasets have them, asked as the harness asks."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest

from services.task_file import load_task
from tools.templates import render

SCIQ = {
    "question": "What do plants take in? ", "correct_answer": "carbon dioxide", "support": "…",
    "distractor1": "helium", "distractor2": "ozone", "distractor3": "argon",
}  # fmt: skip
ARC = {
    "id": "x", "question": "Which is a metal?", "answerKey": "C",
    "choices": {"label": ["A", "B", "C", "D"], "text": ["wood", "air", "iron", "salt"]},
}  # fmt: skip
MEDMCQA = {
    "question": "Where is insulin made?", "opa": "Liver", "opb": "Pancreas", "opc": "Spleen", "opd": "Kidney", "cop": 1,
    "choice_type": "single",
}  # fmt: skip


@pytest.fixture(scope="module")
def questions(example: Callable[[str], ModuleType]) -> ModuleType:
    return example("gpqa/questions.py")


@pytest.mark.parametrize(
    ("source", "row", "right"),
    [("sciq", SCIQ, "carbon dioxide"), ("arc", ARC, "iron"), ("medmcqa", MEDMCQA, "Pancreas")],
)
def test_each_source_becomes_a_question_with_four_options(
    questions: ModuleType, source: str, row: dict[str, object], right: str
) -> None:
    made = questions.asked(questions.READERS[source](row))
    assert made["abcd"[questions.LETTERS.index(made["letter"])]] == right
    assert len({made[letter] for letter in "abcd"}) == 4 and made == questions.asked(questions.READERS[source](row))


def test_what_has_not_four_different_options_and_one_answer_is_left_out(questions: ModuleType) -> None:
    three = {"label": ["A", "B", "C"], "text": ["wood", "air", "iron"]}
    assert questions.arc(ARC | {"choices": three}) is None and questions.arc(ARC | {"answerKey": "E"}) is None
    assert questions.medmcqa(MEDMCQA | {"choice_type": "multi"}) is None
    assert questions.medmcqa(MEDMCQA | {"cop": -1}) is None
    assert questions.asked(questions.sciq(SCIQ | {"distractor1": "Ozone"})) is None
    assert questions.asked(questions.sciq(SCIQ | {"distractor1": " "})) is None


def test_the_right_option_stands_anywhere(questions: ModuleType) -> None:
    rows = [questions.asked(questions.sciq(SCIQ | {"question": f"Question {n}?"})) for n in range(400)]
    letters = [row["letter"] for row in rows]
    assert all(70 < letters.count(letter) < 130 for letter in "ABCD")


def test_it_is_asked_as_the_harness_asks(questions: ModuleType, examples: Path) -> None:
    """lm_eval/tasks/gpqa/zeroshot/_gpqa_zeroshot_yaml: `doc_to_text`, and ` ` before the choice `(C)`."""
    task = load_task(examples / "gpqa" / "task.yaml")
    row = questions.asked(questions.arc(ARC))
    choices = "".join(f"({letter.upper()}) {row[letter]}\n" for letter in "abcd")
    asked = f"What is the correct answer to this question:Which is a metal?\nChoices:\n{choices}Answer:"
    assert render(task.prompt, row) == asked and render(task.answer, row) == f" ({row['letter']})"
    assert all(source.license for source in task.data)


def test_the_test_is_closed_to_tools(examples: Path) -> None:
    """The harness names the split as well, when the run begins."""
    assert load_task(examples / "gpqa" / "task.yaml").benchmark.origin == ("Idavidrein/gpqa",)
