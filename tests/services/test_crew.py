"""The crew's process: a role of others that is broken does not take the built-in ones down."""

from __future__ import annotations

from pathlib import Path

import pytest

from agents import registry
from agents.registry import Broken
from protocol.crew import BUILT_IN
from services.bus_server import BusServer
from services.crew import started


@pytest.fixture
def names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """All roles, among them two of a distribution that is installed and broken."""
    about = tmp_path / "others-1.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: others\nVersion: 1\n")
    (about / "entry_points.txt").write_text(
        f"[{registry.GROUP}]\nabsent = no_such_module:ROLE\nquitter = quits_on_import:ROLE\n"
    )
    (tmp_path / "quits_on_import.py").write_text("raise SystemExit(1)\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    found = registry.names()
    assert {"absent", "quitter", *BUILT_IN} <= set(found)
    return found


async def test_a_broken_role_of_others_is_skipped_and_told(
    names: list[str], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with BusServer(tmp_path / "bus") as server:
        bus = await server.connection.connect("test")
        services = await started(bus, names, BUILT_IN, "r1")
        assert set(services) >= set(BUILT_IN)
        assert not {"absent", "quitter"} & set(services)
        assert "role absent is broken" in caplog.text
        assert "role quitter is broken" in caplog.text
        with pytest.raises(Broken, match="ModuleNotFoundError"):
            await started(bus, ["absent"], ["absent"], "r1")
        for service in services.values():
            await service.stop()
        await bus.close()
