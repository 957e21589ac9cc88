"""Connecting: what is wrong with a server is said at once and clearly, and without its password."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator

import pytest

from protocol.bus import Bus
from protocol.errors import BusUnavailable, without_userinfo
from protocol.journal import Journal
from protocol.queue import ensure_queue
from services.bus_server import Connection, server_binary


@pytest.fixture
async def plain() -> AsyncIterator[str]:
    """A server without JetStream, with a password."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    arguments = ("-a", "127.0.0.1", "-p", str(port), "--user", "ada", "--pass", "secret")
    quiet = asyncio.subprocess.DEVNULL
    process = await asyncio.create_subprocess_exec(str(server_binary()), *arguments, stdout=quiet, stderr=quiet)
    yield f"nats://ada:secret@127.0.0.1:{port}"
    process.terminate()
    await process.wait()


async def test_a_wrong_token_is_said_at_once(server: Connection) -> None:
    with pytest.raises(BusUnavailable, match=r"Authorization Violation.*POSTDOCS_BUS_TOKEN"):
        await Bus.connect(server.url, "wrong")


async def test_a_wrong_port_says_what_happened_there() -> None:
    with pytest.raises(BusUnavailable, match=r"at nats://127\.0\.0\.1:1 \(.*Connect call failed") as caught:
        await Bus.connect("nats://ada:secret@127.0.0.1:1", timeout=0.5)
    assert "secret" not in str(caught.value)


async def test_a_server_without_jetstream_says_how_to_start_it(plain: str) -> None:
    bus = await Bus.connect(plain, token="")  # an empty token does not hide the password
    for make in (Journal(bus, "r1").create(), ensure_queue(bus)):
        with pytest.raises(BusUnavailable, match=r"without JetStream.*nats-server -js") as caught:
            await make
        assert "secret" not in str(caught.value) and "127.0.0.1" in str(caught.value)
    await bus.close()


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("nats://host:4222", "nats://host:4222"),
        ("nats://token@host:4222", "nats://host:4222"),
        ("tls://ada:se/c@ret@host", "tls://host"),
        ("ada:secret@host:4222", "host:4222"),
        ("(embedded)", "(embedded)"),
    ],
)
def test_a_url_is_shown_without_its_credentials(url: str, shown: str) -> None:
    assert without_userinfo(url) == shown
