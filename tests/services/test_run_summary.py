"""One run in one row, whatever a crash left of its files."""

from __future__ import annotations

from pathlib import Path

import pytest

from services.run_folder import RunFolder
from services.run_summary import summary


@pytest.mark.parametrize(
    ("bus", "state"),
    [
        ('{"url": "nats://elsewhere:4222"}', "on an external bus"),
        ('{"url": "na', "on an unknown bus"),
        (None, "stopped, resumable"),
    ],
)
def test_the_state_tells_the_bus_even_where_its_file_is_torn(tmp_path: Path, bus: str | None, state: str) -> None:
    folder = RunFolder(tmp_path / "r1")
    folder.root.mkdir()
    (folder.root / "brief.json").write_text('{"task": {"na')
    if bus is not None:
        folder.bus_url.write_text(bus)
    assert summary(folder)["state"] == state
