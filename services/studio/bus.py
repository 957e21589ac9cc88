"""The bus of Studio's runs: one that is given, or an own one over `runs/.studio/`, which keeps their journals."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from protocol.errors import BadInput
from services.bus_server import Connection
from services.run_access import STUDIO, StoreTaken, own_server
from services.run_folder import RunFolder


@asynccontextmanager
async def studio_bus(runs_dir: Path, url: str | None) -> AsyncIterator[Connection]:
    """Raises `BadInput` when another Studio keeps the folder: two servers over one store would spoil the journals."""
    if url is not None:
        yield Connection(url=url, token=os.environ.get("POSTDOCS_BUS_TOKEN") or None)
        return
    folder = RunFolder(runs_dir / STUDIO)
    folder.root.mkdir(parents=True, exist_ok=True)
    try:
        async with own_server(folder) as connection:
            yield connection
    except StoreTaken as error:
        raise BadInput(f"another Studio keeps {runs_dir}: stop it, or give another --runs-dir") from error
