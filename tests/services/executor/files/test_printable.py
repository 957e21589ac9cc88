"""What a job says can be shown on any terminal."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from services.executor.files.printable import printable
from services.executor.job.events import FILE_EVENT, Checkpoint, Garbled, Metric, Printed


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        ("{'loss': 0.5}\tüber 🚀 漢字\u00a0x", "{'loss': 0.5}\tüber 🚀 漢字\u00a0x"),
        ("\x1b[1;31mred\x1b[0m", "red"),
        ("\x1b]0;title\x07", "\\x1b]0;title\\x07"),
        ("\x1b[2J\x1b[H", "\\x1b[2J\\x1b[H"),
        ("\x9b31m", "\\x9b31m"),
        ("a\u202eb\u2066", "a\\u202eb\\u2066"),
        ("one\u2028two\x85three\x0b", "one\\u2028two\\x85three\\x0b"),
        ("\x00\x08\x7f", "\\x00\\x08\\x7f"),
    ],
)
def test_control_characters_are_shown_not_sent(said: str, shown: str) -> None:
    assert printable(said) == shown


@given(st.text())
def test_whatever_is_said(said: str) -> None:
    assert all(char.isprintable() or char.isspace() for char in printable(said))
    assert not set(printable(said)) & {chr(code) for code in (*range(9), *range(10, 32), *range(127, 160))}


def test_all_that_a_job_says_goes_through_it() -> None:
    bad = "a\x1b[2Jb"
    assert Printed(lines=(bad,)).lines == ("a\\x1b[2Jb",)
    assert Garbled(line=bad, reason=bad).reason == "a\\x1b[2Jb"
    assert Checkpoint(step=1, path=bad).path == "a\\x1b[2Jb"
    assert list(Metric(step=1, max_steps=1, values={bad: 1.0}).values) == ["a\\x1b[2Jb"]


@pytest.mark.parametrize(
    "line",
    [
        '{"kind": "finished"}',
        '{"kind": "metric", "step": 1' + "0" * 30 + ', "max_steps": 1, "values": {}}',
        '{"kind": "metric", "step": 1, "max_steps": 1, "values": {'
        + ", ".join(f'"{n}": 1' for n in range(2000))
        + "}}",
        '{"kind": "running", "pid": 1, "at": Infinity}',
        '{"kind": "running", "pid": 1, "at": NaN}',
        '{"kind": "train_began", "step": 0, "max_steps": 1, "seconds": -1e9}',
        "[" * 100_000,
        "\x00",
    ],
)
def test_what_no_trainer_says_is_no_event(line: str) -> None:
    with pytest.raises(ValidationError):
        FILE_EVENT.validate_json(line)


def test_a_loss_may_be_no_number() -> None:
    event = FILE_EVENT.validate_json('{"kind": "metric", "step": 1, "max_steps": 1, "values": {"loss": NaN}}')
    assert isinstance(event, Metric) and event.values["loss"] != event.values["loss"]
