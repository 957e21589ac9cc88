"""Reads the rows of one data file by its ending: CSV, TSV, JSONL, JSON or Parquet. Called by `tools.sources`."""

from __future__ import annotations

import csv
import json
import sys
from collections.abc import Callable
from pathlib import Path

Row = dict[str, object]

_MORE = "\0more"  # a key that no header can hold, for the fields a line has too many


class BadLine(ValueError):
    """A file that does not hold rows. `line` is 1-based, 0 where the whole file is meant."""

    def __init__(self, line: int, why: str, remedy: str) -> None:
        self.line, self.why, self.remedy = line, why, remedy
        super().__init__(f"line {line}: {why}; {remedy}")


def read_file(path: Path) -> list[Row]:
    """All rows of a file. Raises BadLine (with the line and the remedy) and OSError."""
    reader = _READERS.get(path.suffix.lower())
    if reader is None:
        raise BadLine(0, f"its ending {path.suffix!r} is not known", f"use one of {', '.join(_READERS)}")
    try:
        return reader(path)
    except UnicodeDecodeError as error:
        raise BadLine(0, f"byte {error.start} is not UTF-8", "save the file as UTF-8") from error


def _csv(path: Path, delimiter: str = ",") -> list[Row]:
    csv.field_size_limit(min(sys.maxsize, 2**31 - 1))  # the default of 128 KiB is less than a long document
    rows: list[Row] = []
    with path.open(encoding="utf-8-sig", newline="") as file:
        reader = csv.DictReader(file, delimiter=delimiter, restkey=_MORE)
        try:
            for row in reader:
                more = _MORE in row
                if more or None in row.values():
                    why = f"it has {'more' if more else 'fewer'} fields than the header"
                    raise BadLine(reader.line_num, why, "put quotes around fields that hold the separator")
                rows.append(dict(row))
        except csv.Error as error:
            raise BadLine(reader.line_num, str(error), "correct that line") from error
    return rows


def _jsonl(path: Path) -> list[Row]:
    rows: list[Row] = []
    with path.open(encoding="utf-8-sig") as file:
        for number, line in enumerate(file, start=1):
            if not line.strip():
                continue
            try:
                row = json.loads(line)
            except json.JSONDecodeError as error:
                raise BadLine(number, f"not JSON ({error.msg}): {line[:80]!r}", "correct that line") from error
            if not isinstance(row, dict):
                raise BadLine(number, f"not a JSON object: {line[:80]!r}", "write one object a line") from None
            rows.append(row)
    return rows


def _json(path: Path) -> list[Row]:
    try:
        held = json.loads(path.read_text(encoding="utf-8-sig"))
    except json.JSONDecodeError as error:
        raise BadLine(error.lineno, f"not JSON ({error.msg})", "correct that line (JSONL ends in .jsonl)") from error
    if not isinstance(held, list) or not all(isinstance(row, dict) for row in held):
        raise BadLine(0, "it is not a list of objects", 'write [{"column": value, …}, …]')
    return held


def _parquet(path: Path) -> list[Row]:
    try:
        from pyarrow import ArrowException, parquet  # type: ignore[import-untyped,import-not-found,unused-ignore]
    except ImportError as error:
        raise BadLine(0, "Parquet needs the `pyarrow` package", "pip install 'postdocs[train]'") from error
    try:
        rows: list[Row] = parquet.read_table(path).to_pylist()
    except ArrowException as error:
        raise BadLine(0, str(error).splitlines()[0], "write the file again") from error
    return rows


_READERS: dict[str, Callable[[Path], list[Row]]] = {
    ".csv": _csv,
    ".tsv": lambda path: _csv(path, "\t"),
    ".jsonl": _jsonl,
    ".ndjson": _jsonl,
    ".json": _json,
    ".parquet": _parquet,
}
