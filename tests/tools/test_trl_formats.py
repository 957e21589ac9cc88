"""Rows in TRL's dataset types, as https://huggingface.co/docs/trl/dataset_formats shows them."""

from __future__ import annotations

from typing import Any

import pytest

from protocol.data import TrlFormat
from tools.trl_formats import FORMATS, convert, fault

RECORD = {"prompt": "The sky is", "completion": " blue.", "answer": "blue.", "row": {"rejected": "green."}}
ASKED = [{"role": "user", "content": "The sky is"}]
BLUE, GREEN = ([{"role": "assistant", "content": word}] for word in ("blue.", "green."))
WANTED: dict[tuple[TrlFormat, bool], dict[str, Any]] = {
    ("prompt_completion", False): {"prompt": "The sky is", "completion": " blue."},
    ("prompt_completion", True): {"prompt": ASKED, "completion": BLUE},
    ("messages", True): {"messages": ASKED + BLUE},
    ("preference", False): {"prompt": "The sky is", "chosen": " blue.", "rejected": " green."},
    ("preference", True): {"prompt": ASKED, "chosen": BLUE, "rejected": GREEN},
    ("prompt_only", False): {"prompt": "The sky is", "answer": "blue."},
    ("prompt_only", True): {"prompt": ASKED, "answer": "blue."},
}


@pytest.mark.parametrize(("format", "conversational"), WANTED)
def test_a_row_has_the_columns_that_the_format_asks_for(format: TrlFormat, conversational: bool) -> None:
    made = convert(RECORD, format, conversational=conversational)
    assert made == WANTED[format, conversational] and fault(made, format) is None
    assert all(fault(made, other) is not None for other in FORMATS if other != format)


@pytest.mark.parametrize("row", [{}, {"rejected": None}, {"rejected": " "}, {"rejected": "blue."}])
def test_without_another_answer_there_is_no_preference(row: dict[str, Any]) -> None:
    assert convert(RECORD | {"row": row}, "preference") is None


@pytest.mark.parametrize(
    ("row", "format", "told"),
    [
        ({"prompt": "p"}, "prompt_completion", "no completion"),
        ({"prompt": "p", "completion": "c", "label": 1}, "prompt_completion", "label too much"),
        ({"prompt": "p", "completion": " "}, "prompt_completion", "completion is blank"),
        ({"prompt": "p", "completion": 3}, "prompt_completion", "neither a text nor a list"),
        ({"prompt": ASKED, "completion": "c"}, "prompt_completion", "mixed in one row"),
        ({"prompt": BLUE, "completion": BLUE}, "prompt_completion", "last message of prompt is not the user's"),
        ({"messages": "hello"}, "messages", "no list"),
        ({"messages": ASKED}, "messages", "not the assistant's"),
        ({"messages": [{"role": "assistant"}]}, "messages", "not just `role` and `content`"),
        ({"messages": [{"role": "robot", "content": "c"}]}, "messages", "the role 'robot'"),
        ({"messages": [{"role": "assistant", "content": ""}]}, "messages", "is blank"),
        ({"prompt": []}, "prompt_only", "neither a text nor a list"),
    ],
)
def test_a_row_that_trl_would_not_take_is_told(row: dict[str, Any], format: TrlFormat, told: str) -> None:
    assert told in (fault(row, format) or "")
