"""Reads what trackers have stored: Trackio's SQLite file, and the record files of Weights & Biases."""

from __future__ import annotations

import json
import sqlite3
import struct
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

BLOCK = 32768
"""A .wandb file is a LevelDB log (https://github.com/google/leveldb/blob/main/doc/log_format.md) after 7 bytes of its
own: blocks, and in them records of checksum (4 bytes), length (2), type (1: whole, 2 to 4: first, middle, last)."""


class Trackio:
    """A project in Trackio's store."""

    def __init__(self, folder: Path, project: str) -> None:
        self.path = folder / f"{project}.db"

    def _rows(self, query: str) -> list[tuple[Any, ...]]:
        with closing(sqlite3.connect(self.path)) as connection:
            return connection.execute(query).fetchall()

    def points(self, run: str) -> list[tuple[int, dict[str, float]]]:
        rows = self._rows("SELECT run_name, step, metrics FROM metrics ORDER BY step, id")
        return [(step, json.loads(values)) for name, step, values in rows if name == run]

    def configs(self) -> dict[str, dict[str, Any]]:
        return {name: json.loads(text) for name, text in self._rows("SELECT run_name, config FROM configs")}

    def alerts(self) -> list[tuple[str, str, str]]:
        return [tuple(row) for row in self._rows("SELECT run_name, title, text FROM alerts")]  # type: ignore[misc]


def wandb_records(path: Path) -> Iterator[Any]:
    """The records of a .wandb file, in order."""
    from wandb.proto.wandb_internal_pb2 import Record

    data, at, part = path.read_bytes(), 7, b""
    while at + 7 <= len(data):
        left = BLOCK - at % BLOCK
        if left < 7:  # too short for a header: the next block begins
            at += left
            continue
        _, length, kind = struct.unpack("<IHB", data[at : at + 7])
        if kind == 0:
            at += left
            continue
        part += data[at + 7 : at + 7 + length]
        at += 7 + length
        if kind in (1, 4):
            record = Record()
            record.ParseFromString(part)
            yield record
            part = b""


class Wandb:
    """All offline runs below a folder, as one would sync them: the parts of one run one after the other."""

    def __init__(self, folder: Path) -> None:
        self.files = sorted(folder.glob("wandb/offline-run-*/run-*.wandb"))
        self.points: dict[str, list[dict[str, float]]] = {}
        self.runs: dict[str, Any] = {}
        self.config: dict[str, dict[str, Any]] = {}
        self.summary: dict[str, dict[str, Any]] = {}
        self.alerts: dict[str, list[str]] = {}
        self.exits: dict[str, list[int]] = {}
        for file in self.files:
            self._read(file)

    def _read(self, file: Path) -> None:
        run = ""
        for record in wandb_records(file):
            if record.HasField("run"):
                run = record.run.run_id
                self.runs[run] = record.run
                self.config[run] = {item.key: json.loads(item.value_json) for item in record.run.config.update}
            elif record.HasField("history"):
                items = {
                    item.key or ".".join(item.nested_key): json.loads(item.value_json) for item in record.history.item
                }
                self.points.setdefault(run, []).append(items)
            elif record.HasField("summary"):
                told = {
                    item.key or ".".join(item.nested_key): json.loads(item.value_json) for item in record.summary.update
                }
                self.summary.setdefault(run, {}).update(told)
            elif record.HasField("alert"):
                self.alerts.setdefault(run, []).append(record.alert.title)
            elif record.HasField("exit"):
                self.exits.setdefault(run, []).append(record.exit.exit_code)


def _items(items: Any) -> dict[str, Any]:
    return {item.key or ".".join(item.nested_key): json.loads(item.value_json) for item in items}
