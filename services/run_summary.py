"""One run in one row, from `brief.json`, `ledger.jsonl` and `ended.json` in its folder. Used by `postdocs runs`.

Read as plain JSON: a list of runs must not fail over one folder that a crash left half written.
"""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path
from typing import Any

from protocol.errors import BadInput
from services.run_access import external_bus, is_running
from services.run_folder import RunFolder


def summary(folder: RunFolder) -> dict[str, Any]:
    """Figures are None where the run has not got to them."""
    brief, ended, rows = _json(folder.root / "brief.json"), _json(folder.root / "ended.json"), _rows(folder.ledger)
    task = brief.get("task") or {}
    scores = [row["score"]["value"] for row in rows if row.get("score") and not row["score"].get("failed")]
    return {
        "run": folder.id,
        "task": task.get("name"),
        "goal": task.get("goal"),
        "state": _state(folder, ended),
        "begun": _begun(folder),
        "floor": _value(ended, "floor"),
        "dev": _value(ended, "dev") if ended else max(scores, default=None),
        "test": _value(ended, "test"),
        "target": task.get("target"),
        "experiments": ended.get("experiments", len(rows)),
        "seconds": ended.get("seconds"),
        "final_model": str(folder.final_model) if folder.final_model.is_dir() else None,
    }


def _state(folder: RunFolder, ended: dict[str, Any]) -> str:
    if ended:
        return str(ended.get("outcome", "ended")).replace("_", " ")
    if is_running(folder):
        return "running"
    try:
        return "on an external bus" if external_bus(folder) else "stopped, resumable"
    except BadInput:
        return "on an unknown bus"


def _begun(folder: RunFolder) -> str | None:
    try:
        return datetime.fromtimestamp((folder.root / "brief.json").stat().st_mtime).isoformat(" ", "minutes")
    except OSError:
        return None


def _value(ended: dict[str, Any], key: str) -> float | None:
    score = ended.get(key) or {}
    return score.get("value")


def _json(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_text())
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _rows(path: Path) -> list[dict[str, Any]]:
    try:
        lines = path.read_text().splitlines()
    except (OSError, ValueError):
        return []
    rows = []
    for line in lines:
        try:
            rows.append(json.loads(line))
        except ValueError:
            continue
    return [row for row in rows if isinstance(row, dict)]
