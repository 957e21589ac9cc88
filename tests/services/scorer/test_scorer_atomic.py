"""A folder is replaced without a moment in which it is not there."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from services.scorer import atomic
from services.scorer.atomic import replace_folder


def folder(place: Path, text: str) -> Path:
    place.mkdir()
    (place / "marker").write_text(text)
    return place


def test_a_reader_never_finds_the_folder_absent(tmp_path: Path) -> None:
    place = folder(tmp_path / "final_model", "0")
    absent, reads, done = [], [0], threading.Event()

    def read() -> None:
        while not done.is_set():
            reads[0] += 1
            try:
                place.stat()
            except FileNotFoundError:
                absent.append(reads[0])

    reader = threading.Thread(target=read)
    reader.start()
    for number in range(1, 301):
        replace_folder(folder(tmp_path / "new", str(number)), place)
        assert (place / "marker").read_text() == str(number)
    done.set()
    reader.join()
    assert not absent
    assert reads[0] > 300
    assert list(tmp_path.iterdir()) == [place]


def test_the_first_one_is_just_put_there(tmp_path: Path) -> None:
    replace_folder(folder(tmp_path / "new", "first"), tmp_path / "final_model")
    assert (tmp_path / "final_model" / "marker").read_text() == "first"


def test_where_the_system_cannot_swap_it_is_renamed_twice(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(atomic.sys, "platform", "darwin")
    place = folder(tmp_path / "final_model", "old")
    replace_folder(folder(tmp_path / "new", "new"), place)
    assert (place / "marker").read_text() == "new"
    assert list(tmp_path.iterdir()) == [place]
