"""The process that reads rows of a dataset: `python -m tools.hub.parquet_child`, `Wanted` in, `Read` out, as JSON.

A stranger's Parquet is parsed here, in bounded memory and with no secret but the token that a gated dataset takes. What
it says of a failure is its kind: the text of an error may quote what came over the line.
"""

from __future__ import annotations

import json
import os
import resource
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from protocol.message import Part
from tools.http import AGAIN, TRIES

if TYPE_CHECKING:
    from pyarrow import Field, Schema  # type: ignore[import-untyped,import-not-found,unused-ignore]
    from pyarrow.parquet import ParquetFile  # type: ignore[import-untyped,import-not-found,unused-ignore]

MEMORY_BYTES = 4 << 30
CPU_SECONDS = 180
MOST_BYTES = 64_000_000
"""Of all rows, as JSON."""
ROW_CHARACTERS = 100_000
"""What is longer is a book, and no example."""
BATCH = 500
NAMES = 2_000
"""Characters of the names of columns, where they are told."""
Failure = Literal["", "busy", "gated", "unreachable", "columns", "missing", "damaged"]


class Wanted(Part):
    """Which rows. The token is in here, not in the process's environment."""

    endpoint: str
    dataset: str
    revision: str
    files: tuple[str, ...]
    token: str | None = None
    columns: dict[str, str]
    label_names: bool = False
    start: int = 0
    most: int
    to: str
    """The file that they are written to, as JSONL."""


class Read(Part):
    """What came of it."""

    rows: int = 0
    longer: int = 0
    """Rows that were left out for their length."""
    ended: bool = False
    """Whether there are no further rows."""
    failed: Failure = ""
    told: str = ""
    wait: float = 0.0
    """Busy: seconds until it may be asked again."""


class NoColumn(Exception):
    """A column that is not there, or holds no text."""


def main() -> None:
    for what, limit in ((resource.RLIMIT_AS, MEMORY_BYTES), (resource.RLIMIT_CPU, CPU_SECONDS)):
        resource.setrlimit(what, (limit, limit))
    os.environ.update(HF_HUB_DISABLE_TELEMETRY="1", HF_HUB_DISABLE_IMPLICIT_TOKEN="1", HF_HUB_DISABLE_XET="1")
    wanted = Wanted.model_validate_json(sys.stdin.buffer.read())
    done = _tried(wanted)
    for _ in range(TRIES - 1):
        if done.failed == "busy":
            time.sleep(done.wait)
            done = _tried(wanted)
    sys.stdout.write(done.model_dump_json())


def _tried(wanted: Wanted) -> Read:
    try:
        return _read(wanted)
    except (Exception, RecursionError, MemoryError) as error:
        return _failure(error)


def _read(wanted: Wanted) -> Read:
    rows = written = longer = 0
    ended = True
    with Path(wanted.to).open("w", encoding="utf-8", errors="backslashreplace") as file:
        for row in _rows(wanted):
            line = json.dumps(row, ensure_ascii=False, default=str) + "\n"
            written += len(line)
            if rows + longer == wanted.most or written > MOST_BYTES:
                ended = False
                break
            if len(line) > ROW_CHARACTERS:
                longer += 1
                continue
            file.write(line)
            rows += 1
    return Read(rows=rows, longer=longer, ended=ended)


def _rows(wanted: Wanted) -> Iterator[dict[str, Any]]:
    from huggingface_hub import HfFileSystem
    from pyarrow.parquet import ParquetFile  # type: ignore[import-untyped,import-not-found,unused-ignore]

    from tools import hub_client

    hub_client.bounded(everywhere=True)
    files = HfFileSystem(endpoint=wanted.endpoint, token=wanted.token or False, skip_instance_cache=True)
    skip = wanted.start
    for path in wanted.files:
        with files.open(f"datasets/{wanted.dataset}@{wanted.revision}/{path}") as opened:
            parquet = ParquetFile(opened, pre_buffer=False)
            names = _labels(parquet.schema_arrow, wanted)
            if skip >= parquet.metadata.num_rows:
                skip -= parquet.metadata.num_rows
                continue
            for row in _of_file(parquet, wanted.columns, skip):
                yield {column: _named(value, names.get(column)) for column, value in row.items()}
            skip = 0


def _of_file(parquet: ParquetFile, columns: Mapping[str, str], skip: int) -> Iterator[dict[str, Any]]:
    """The rows behind the first `skip`, group by group: of what is not wanted nothing is fetched."""
    for group in range(parquet.num_row_groups):
        held = parquet.metadata.row_group(group).num_rows
        if skip >= held:
            skip -= held
            continue
        for batch in parquet.iter_batches(BATCH, row_groups=[group], columns=sorted(set(columns.values()))):
            for row in batch.slice(min(skip, len(batch))).to_pylist():
                yield {column: row[own] for column, own in columns.items()}
            skip = max(0, skip - len(batch))


def _labels(schema: Schema, wanted: Wanted) -> dict[str, list[str]]:
    """Column → the names of its labels, where they are wanted. Raises `NoColumn`."""
    there = {field.name: field for field in schema}
    for own in wanted.columns.values():
        if own not in there:
            raise NoColumn(f"it has no column {own!r}, only {', '.join(there)}"[:NAMES])
        if _binary(there[own]):
            raise NoColumn(f"its column {own!r} holds images, sounds or bytes: no rows can be made of it")
    if not wanted.label_names:
        return {}
    told = json.loads((schema.metadata or {}).get(b"huggingface", b"{}"))
    features = told.get("info", {}).get("features", {})
    return {
        column: [str(name) for name in features[own]["names"]]
        for column, own in wanted.columns.items()
        if features.get(own, {}).get("_type") == "ClassLabel"
    }


def _binary(field: Field) -> bool:
    return "binary" in str(field.type)


def _named(value: Any, names: list[str] | None) -> Any:
    return names[value] if names and isinstance(value, int) and 0 <= value < len(names) else value


def _failure(error: BaseException) -> Read:
    """Its kind, also where the file system has wrapped it."""
    import httpx2
    from huggingface_hub.errors import GatedRepoError, HfHubHTTPError

    from tools.hub_client import pause

    if isinstance(error, ImportError):
        return Read(failed="missing", told=error.name or "pyarrow")
    if isinstance(error, NoColumn):
        return Read(failed="columns", told=str(error))
    causes: list[BaseException] = []
    one: BaseException | None = error
    while one is not None and one not in causes:
        causes.append(one)
        one = one.__cause__ or one.__context__
    for cause in causes:
        if isinstance(cause, GatedRepoError):
            return Read(failed="gated")
        if isinstance(cause, HfHubHTTPError):
            status = cause.response.status_code
            busy = status in AGAIN
            return Read(failed="busy" if busy else "damaged", told=str(status), wait=pause(cause.response, 1))
        if isinstance(cause, (httpx2.HTTPError, ConnectionError)):
            return Read(failed="unreachable", told=type(cause).__name__)
    return Read(failed="damaged", told=type(error).__name__)


if __name__ == "__main__":
    main()
