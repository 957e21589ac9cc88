"""Reading along while a job writes."""

from __future__ import annotations

import tempfile
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from services.executor.files.tail import CHUNK, Tail


def test_only_whole_lines_are_read_and_the_rest_in_the_end(tmp_path: Path) -> None:
    path = tmp_path / "log"
    tail = Tail(path)
    assert tail.lines() == []
    path.write_text("one\ntw")
    assert tail.lines() == ["one"]
    path.write_text("one\ntwo\nthree")
    assert tail.lines() == ["two"]
    assert tail.lines(last=True) == ["three"]
    assert tail.lines(last=True) == []


def test_what_stood_there_before_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.write_text("of the last attempt\n")
    tail = Tail(path)
    path.write_text("of the last attempt\nnew\n")
    assert tail.lines() == ["new"]


def test_a_progress_bar_shows_its_last_state(tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.write_bytes(b"")
    tail = Tail(path)
    path.write_bytes(b"\r 10%\r 50%")
    assert tail.lines() == []
    path.write_bytes(b"\r 10%\r 50%\r100%\nsaved\r\n")
    assert tail.lines() == ["100%", "saved"]


def test_a_flood_is_skipped_not_held_in_memory(tmp_path: Path) -> None:
    path = tmp_path / "log"
    tail = Tail(path, skip=True)
    path.write_bytes(b"x\n" * CHUNK + b"the end\n")
    assert tail.lines()[-1] == "the end"


@given(
    st.lists(st.text(st.characters(codec="ascii", exclude_characters="\r\n \t\x0b\x0c\x1c\x1d\x1e\x1f"), min_size=1))
)
def test_every_line_comes_once_and_in_order(lines: list[str]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "log"
        tail = Tail(path)
        read: list[str] = []
        with path.open("a") as file:
            for line in lines:
                file.write(line[: len(line) // 2])
                file.flush()
                read += tail.lines()
                file.write(line[len(line) // 2 :] + "\n")
                file.flush()
                read += tail.lines()
        assert read == lines
