"""Where the files lie that runs are handed over with: JetStream's object store, each under the SHA-256 of its content,
so that the same file is sent once, however many runs come with it.

https://docs.nats.io/nats-concepts/jetstream/obj_store
"""

from __future__ import annotations

import asyncio
from typing import IO

from nats.js.errors import NotFoundError
from nats.js.object_store import ObjectStore

from protocol import subjects
from protocol.bus import Bus

KEPT_SECONDS = 7 * 86400.0
"""Whoever makes the run copies the files into its folder at once; a week is for runs that are tried again."""
FILE_SECONDS = 600.0
MOST_BYTES = 4 << 30
"""Of all files of a run; what is larger belongs on the server's disk, or on the Hub."""


async def open_store(bus: Bus) -> ObjectStore:
    """The store, made where there is none."""
    return await bus.jetstream.create_object_store(subjects.GIVEN_BUCKET, ttl=KEPT_SECONDS)


async def has(store: ObjectStore, digest: str) -> bool:
    """Whether this content is there."""
    try:
        await store.get_info(digest)
    except NotFoundError:
        return False
    return True


async def put(store: ObjectStore, digest: str, content: IO[bytes]) -> None:
    """Put the content there; `digest` is its SHA-256."""
    await asyncio.wait_for(store.put(digest, content), FILE_SECONDS)  # type: ignore[arg-type]  # any reader will do
