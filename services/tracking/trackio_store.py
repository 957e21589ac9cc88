"""Trackio, local: its own store in its usual place (`TRACKIO_DIR`, else beside the Hub's cache).

Written with the function that Trackio's own server writes with, not with `trackio.log`: it takes an id for every
record and keeps each id once, says what went wrong, and samples no hardware of this machine, where the jobs may not
even run. `trackio sync` takes a project from there to a Space.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from services.tracking.record import Alerted, Point, Record, Summed, Tracked


class TrackioStore:
    """One project in Trackio's store."""

    name = "trackio"

    def __init__(self, project: str) -> None:
        """Raises `ImportError` without the package."""
        from trackio.sqlite_storage import SQLiteStorage
        from trackio.utils import TRACKIO_DIR

        SQLiteStorage.validate_project_name(project)
        self._store, self._folder, self._project = SQLiteStorage, TRACKIO_DIR, project
        self._last: dict[str, Point] = {}

    def where(self) -> str:
        return f"{self._folder}; see it with: trackio show --project {self._project}"

    def write(self, records: Sequence[tuple[int, Record]]) -> None:
        runs: dict[str, Tracked] = {record.run.id: record.run for _, record in records}
        for run in runs.values():
            of_it = [record for _, record in records if record.run is run]
            self._points(run, [record for record in of_it if isinstance(record, Point)], of_it)
            self._alerts(run, [record for record in of_it if isinstance(record, Alerted)])

    def _points(self, run: Tracked, points: list[Point], of_it: list[Record]) -> None:
        new = run.id not in self._last
        if points:
            self._last[run.id] = points[-1]
        elif any(isinstance(record, Summed) for record in of_it) and not new:
            points = [self._last[run.id]]  # it is there already, and stays once; its run's configuration is replaced
        if not points:
            return
        changed = new or any(isinstance(record, Summed) for record in of_it)
        self._store.bulk_log(
            project=self._project,
            run=run.name,
            run_id=run.id,
            metrics_list=[point.values for point in points],
            steps=[point.step for point in points],
            timestamps=[_iso(point.at) for point in points],
            log_ids=[point.id for point in points],
            config=_config(run) if changed else None,
        )

    def _alerts(self, run: Tracked, alerts: list[Alerted]) -> None:
        if not alerts:
            return
        self._store.bulk_alert(
            project=self._project,
            run=run.name,
            run_id=run.id,
            titles=[alert.title for alert in alerts],
            texts=[alert.text for alert in alerts],
            levels=["error"] * len(alerts),
            steps=[alert.step for alert in alerts],
            timestamps=[_iso(alert.at) for alert in alerts],
            alert_ids=[alert.id for alert in alerts],
        )

    def close(self) -> None:
        """Everything is written as it comes."""


def _config(run: Tracked) -> dict[str, Any]:
    """With the three keys that Trackio's pages read: who, when, which group."""
    own = {"_Username": None, "_Created": _iso(run.begun), "_Group": run.group}
    return run.config | {"summary": dict(run.summary)} | own


def _iso(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).isoformat()
