"""What the sources of the installed libraries say, read without importing them."""

from __future__ import annotations

from typing import Any

import pytest

from protocol.preflight import LibrarySource, LibrarySourceRequest
from services.executor.preflight.source import HITS, LINES, MOST_CHARACTERS, source


def asked(**request: Any) -> LibrarySource:
    return source(LibrarySourceRequest(library=request.pop("library", "trl"), **request))


def test_definitions_come_first_and_lead_to_their_lines() -> None:
    found = asked(find="SFTTrainer")
    first = found.text.splitlines()[0]
    file, line, text = first.split(":", 2)
    assert file == "trainer/sft_trainer.py" and text.strip().startswith("class SFTTrainer")
    shown = asked(file=file, first_line=int(line))
    head, lines = shown.text.split("\n", 1)
    assert head.startswith(f"trl/{file}, lines {line} to ") and "go on with first_line=" in head
    assert lines.startswith(f"{line}: class SFTTrainer")
    assert len(lines) <= MOST_CHARACTERS and len(lines.splitlines()) <= LINES


def test_a_method_is_found_by_its_dotted_name_in_one_file() -> None:
    found = asked(find="Trainer.compute_loss", library="transformers", file="trainer.py")
    assert all(line.startswith("trainer.py:") for line in found.text.splitlines())
    assert "def compute_loss" in found.text.splitlines()[0]


def test_what_is_everywhere_is_cut() -> None:
    found = asked(find="import")
    assert found.text.count("\n") <= HITS and "only the first" in found.text


@pytest.mark.parametrize(
    ("request_", "told"),
    [
        ({"find": "ZebraTrainer"}, "'ZebraTrainer' is nowhere in the sources of trl"),
        ({"file": "sft_trainer.py"}, "did you mean trainer/sft_trainer.py?"),
        ({"file": "../torch/__init__.py"}, "trl has no source file"),
        ({"file": "/etc/passwd"}, "trl has no source file"),
        ({"file": "py.typed"}, "trl has no source file"),
        ({"file": "trainer/sft_trainer.py", "first_line": 10**6}, "none from 1000000 on"),
        ({}, "say what to find"),
    ],
)
def test_what_is_not_there_is_said(request_: dict[str, Any], told: str) -> None:
    found = asked(**request_)
    assert not found.found and told in found.text
