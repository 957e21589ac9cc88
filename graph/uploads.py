"""Takes the files of a run over HTTP, beside LangGraph's own API: `langgraph.json` mounts this app on its server.

    GET /given/SHA256     204 where that content is there already, else 404
    PUT /given/SHA256     takes it, into the bus's object store, from which the desk fetches it

Called by `postdocs run --graph-url`, which then starts the run through LangGraph's API.
"""

from __future__ import annotations

import hashlib
import re
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from nats.js.object_store import ObjectStore
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from graph.live import connected
from protocol import file_store
from protocol.errors import PostdocsError

SHA256 = re.compile(r"[0-9a-f]{64}")
IN_MEMORY = 1 << 20
"""Bytes; what is larger goes to disk on its way."""


async def _look(request: Request) -> Response:
    async with _store() as store:
        return Response(status_code=204 if await file_store.has(store, request.path_params["digest"]) else 404)


async def _take(request: Request) -> Response:
    digest, found, size = request.path_params["digest"], hashlib.sha256(), 0
    if not SHA256.fullmatch(digest):
        return Response("the path ends in the SHA-256 of the content, in hexadecimal", status_code=400)
    with tempfile.SpooledTemporaryFile(IN_MEMORY) as content:
        async for part in request.stream():
            found.update(part)
            content.write(part)
            size += len(part)
            if size > file_store.MOST_BYTES:
                return Response(f"{file_store.MOST_BYTES} bytes are the most", status_code=413)
        if found.hexdigest() != digest:
            return Response(f"this content has the SHA-256 {found.hexdigest()}, not {digest}", status_code=400)
        content.seek(0)
        async with _store() as store:
            await file_store.put(store, digest, content)
    return Response(status_code=201)


async def _unavailable(request: Request, error: Exception) -> Response:
    return Response(str(error), status_code=503)


@asynccontextmanager
async def _store() -> AsyncIterator[ObjectStore]:
    async with connected() as bus:
        yield await file_store.open_store(bus)


app = Starlette(
    routes=[Route("/given/{digest}", _look, methods=["GET"]), Route("/given/{digest}", _take, methods=["PUT"])],
    exception_handlers={PostdocsError: _unavailable},
)
