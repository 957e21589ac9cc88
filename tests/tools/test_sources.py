"""Sources are read from files, generators and folders given by --data; what fails says what to do."""

from __future__ import annotations

import json
from pathlib import Path

import pyarrow as pa
import pytest
from pyarrow import parquet

from protocol.brief import DataSource, Source
from tools.sources import SourceError, read_rows

ROWS = [{"text": f"row {number}", "label": str(number)} for number in range(20)]


def write(folder: Path, name: str) -> None:
    path = folder / name
    if path.suffix == ".csv":
        lines = ["text,label", *(f'"{row["text"]}",{row["label"]}' for row in ROWS)]
        path.write_text("\n".join(lines) + "\n", encoding="utf-8-sig")
    elif path.suffix == ".tsv":
        path.write_text("text\tlabel\n" + "".join(f"{row['text']}\t{row['label']}\n" for row in ROWS))
    elif path.suffix == ".json":
        path.write_text(json.dumps(ROWS))
    elif path.suffix == ".parquet":
        parquet.write_table(pa.Table.from_pylist(ROWS), path)
    else:
        path.write_text("\n\n".join(json.dumps(row) for row in ROWS))


@pytest.mark.parametrize("name", ["a.csv", "a.tsv", "a.jsonl", "a.ndjson", "a.json", "a.parquet"])
def test_every_kind_of_file_gives_the_same_rows(name: str, tmp_path: Path) -> None:
    write(tmp_path, name)
    assert read_rows(Source(file=name), tmp_path) == ROWS
    assert read_rows(Source(file=str(tmp_path / name)), Path("/")) == ROWS


def test_the_data_folder_comes_before_the_task_folder_and_the_hub(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    write(tmp_path / "data", "a.jsonl")
    (tmp_path / "a.jsonl").write_text('{"text": "the task\'s"}')
    source = Source(file="a.jsonl", dataset="nobody/nothing")
    assert read_rows(source, tmp_path, tmp_path / "data") == ROWS
    assert read_rows(source, tmp_path) == [{"text": "the task's"}]


def test_a_dataset_that_cannot_be_loaded_says_data_dir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)  # the variable is read once, on import
    with pytest.raises(SourceError, match=r"nobody/nothing.*as the file a\.csv.*--data DIR"):
        read_rows(Source(file="a.csv", dataset="nobody/nothing"), tmp_path)


def test_a_sample_is_seeded_and_without_replacement(tmp_path: Path) -> None:
    write(tmp_path, "a.json")
    drawn = read_rows(Source(file="a.json", sample=8, seed=1), tmp_path)
    assert len({row["label"] for row in drawn}) == 8
    assert drawn == read_rows(Source(file="a.json", sample=8, seed=1), tmp_path)
    assert drawn != read_rows(Source(file="a.json", sample=8, seed=2), tmp_path)
    assert len(read_rows(Source(file="a.json", sample=99), tmp_path)) == len(ROWS)


def test_a_generator_runs_in_the_task_folder_with_its_arguments(tmp_path: Path) -> None:
    (tmp_path / "word.txt").write_text("hello")
    (tmp_path / "make.py").write_text(
        "import json, sys, pathlib\n"
        "for n in range(int(sys.argv[1])):\n"
        "    print(json.dumps({'n': n, 'word': pathlib.Path('word.txt').read_text()}))\n"
    )
    rows = read_rows(Source(generator="make.py", args=("2",)), tmp_path)
    assert rows == [{"n": 0, "word": "hello"}, {"n": 1, "word": "hello"}]


def test_a_line_of_a_generator_ends_at_the_end_of_line_alone(tmp_path: Path) -> None:
    """JSON may hold U+2028, U+2029 and U+0085 as they are; texts of the web do."""
    row = {"text": "one\u2028two\u2029three\u0085four"}
    (tmp_path / "make.py").write_text(
        f"import json, sys\nrow = json.dumps({row!r}, ensure_ascii=False)\n"
        "sys.stdout.buffer.write(f'{row}\\r\\n{row}\\n'.encode())\n"
    )
    assert read_rows(Source(generator="make.py"), tmp_path) == [row, row]


@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        ("a.csv", "text,label\none,1\ntwo,2,3\n", r"line 3 of .*more fields.*quotes"),
        ("a.csv", "text,label\none\n", r"line 2 of .*fewer fields"),
        ("a.csv", "text,label\n", r"no rows"),
        ("a.jsonl", '{"a": 1}\n{"a": \n', r"line 2 of .*not JSON.*correct that line"),
        ("a.jsonl", '{"a": 1}\n[1]\n', r"line 2 of .*not a JSON object"),
        ("a.json", '{"a": 1}', r"not a list of objects"),
        ("a.json", '[{"a": 1},\n{]', r"line 2 of .*not JSON"),
        ("a.xlsx", "PK", r"ending '.xlsx' is not known; use one of \.csv"),
        ("a.parquet", "not parquet", r"cannot be read"),
    ],
)
def test_a_bad_file_is_told_with_source_line_and_remedy(name: str, content: str, told: str, tmp_path: Path) -> None:
    (tmp_path / name).write_text(content)
    with pytest.raises(SourceError, match=told) as caught:
        read_rows(DataSource(name="mine", file=name), tmp_path)
    assert str(caught.value).startswith("source mine: ") and caught.value.exit_code == 2


def test_a_file_that_is_not_utf8_says_so(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_bytes(b"text\ncaf\xe9\n")
    with pytest.raises(SourceError, match="not UTF-8"):
        read_rows(Source(file="a.csv"), tmp_path)


def test_an_absent_file_says_where_was_looked(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=rf"no file 'a.csv' in /nowhere and {tmp_path}.*--data DIR"):
        read_rows(Source(file="a.csv"), tmp_path, Path("/nowhere"))


@pytest.mark.parametrize(
    ("script", "told"),
    [
        ("raise SystemExit('no such month')", "no such month"),
        ("print('{\"a\": 1}'); print('oops')", "line 2 that is not JSON: 'oops'"),
        ("print('[1]')", "no JSON object"),
        ("pass", "no rows"),
    ],
)
def test_a_generator_that_fails_is_told_with_its_last_words(script: str, told: str, tmp_path: Path) -> None:
    (tmp_path / "make.py").write_text(script)
    with pytest.raises(SourceError, match=told):
        read_rows(Source(generator="make.py"), tmp_path)
