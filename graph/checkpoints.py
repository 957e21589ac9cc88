"""Where checkpoints are kept: SQLite in the run's folder, or Postgres when `POSTDOCS_CHECKPOINT_URL` says so."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from langgraph.checkpoint.base import BaseCheckpointSaver

from protocol.errors import BadInput

VARIABLE = "POSTDOCS_CHECKPOINT_URL"


@asynccontextmanager
async def open_checkpoints(path: Path) -> AsyncIterator[BaseCheckpointSaver[str]]:
    """A checkpointer for one run; `path` is the SQLite file that is used when no URL is set.

    Raises `BadInput` when the URL is not a Postgres one, or its package is missing.
    """
    url = os.environ.get(VARIABLE, "")
    if not url:
        from langgraph.checkpoint.sqlite.aio import AsyncSqliteSaver

        async with AsyncSqliteSaver.from_conn_string(str(path)) as saver:
            yield saver
        return
    if not url.startswith(("postgres://", "postgresql://")):
        raise BadInput(f"{VARIABLE} is {url!r}: it must begin with postgresql://")
    try:
        from langgraph.checkpoint.postgres.aio import AsyncPostgresSaver
    except ImportError as error:
        raise BadInput(
            f"{VARIABLE} is set, but its package is not installed: pip install 'postdocs[postgres]'"
        ) from error
    async with AsyncPostgresSaver.from_conn_string(url) as saver:
        await saver.setup()
        yield saver
