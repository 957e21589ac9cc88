"""The way out of a sandbox: to granted hosts, and to nothing else."""

from __future__ import annotations

import asyncio
import contextlib
import http.server
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from cell import ORDINARY, Warden
from hypothesis import given
from hypothesis import strategies as st

from services.executor.sandbox import identity
from services.executor.sandbox.egress import PORTS, Egress, Refused, _is_public, public_addresses


class Hub(http.server.BaseHTTPRequestHandler):
    """A host that somebody may be granted."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self._answer(f"{self.path} at {self.headers['Host']}")

    def do_POST(self) -> None:
        self._answer(f"got {len(self.rfile.read(int(self.headers['Content-Length'])))}")

    def _answer(self, text: str) -> None:
        body = text.encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        return


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Hub)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    monkeypatch.setitem(PORTS, "http", server.server_port)
    monkeypatch.setitem(PORTS, "CONNECT", server.server_port)
    yield server.server_port
    server.shutdown()
    thread.join()
    server.server_close()


async def here(host: str, port: int) -> Sequence[str]:
    """All granted names lead to the tests' own server."""
    return ["127.0.0.1"]


@contextlib.asynccontextmanager
async def opened(warden: Warden, resolve: Any = here) -> Any:
    uid = ORDINARY if warden.ordinary else identity.of_jobs()[0]
    proxy = Egress(["hub.example"], uid, resolve)
    await proxy.open()
    Path(proxy.path).parent.chmod(0o755)  # the worker of the tests is another user than its sandbox
    try:
        yield proxy
    finally:
        await proxy.close()
    assert not Path(proxy.path).exists()


ASK = """
import json, sys, urllib.request, urllib.error, http.client
def ask(what):
    try: return what()
    except urllib.error.HTTPError as error: return f"{error.code} {error.read().decode().strip()}"
    except OSError as error: return str(error)
get = lambda url: ask(lambda: urllib.request.urlopen(url, timeout=30).read().decode())
def tunnel(host, port):
    connection = http.client.HTTPConnection("127.0.0.1", 3128, timeout=30)
    connection.set_tunnel(host, port)
    connection.request("GET", "/inside", headers={"Host": "inner"})
    return connection.getresponse().read().decode()
"""


async def test_a_job_reaches_its_hosts(hub: int, warden: Warden) -> None:
    script = (
        ASK
        + f"""
print(json.dumps([
    get("http://hub.example/model?x=1"), get("http://HUB.example./again"), ask(lambda: tunnel("hub.example", {hub})),
    ask(lambda: urllib.request.urlopen("http://hub.example/", data=b"x" * 300_000, timeout=30).read().decode()),
]))
"""
    )
    async with opened(warden) as proxy:
        said = await asyncio.to_thread(warden.told, script, egress=proxy.path, hosts=("hub.example",))
        assert (proxy.passed, proxy.refused) == (4, 0)
    assert said == ["/model?x=1 at hub.example", "/again at HUB.example.", "/inside at inner", "got 300000"]


async def test_it_reaches_nothing_else(hub: int, warden: Warden) -> None:
    script = (
        ASK
        + f"""
print(json.dumps([
    get("http://other.example/"), get("http://127.0.0.1.hub.example.evil/"), get("http://hub.example:4222/"),
    ask(lambda: tunnel("other.example", {hub})), ask(lambda: tunnel("127.0.0.1", {hub})),
    ask(lambda: tunnel("hub.example", 22)), get("ftp://hub.example/x"),
]))
"""
    )
    async with opened(warden) as proxy:
        said = await asyncio.to_thread(warden.told, script, egress=proxy.path, hosts=("hub.example",))
        assert proxy.passed == 0 and proxy.refused >= 6
    assert all("403" in one or "granted" in one or "urlopen error" in one for one in said), said


async def test_a_granted_name_does_not_lead_to_this_machine(hub: int, warden: Warden) -> None:
    async def loopback(host: str, port: int) -> Sequence[str]:
        return await public_addresses("localhost", port)

    script = ASK + 'print(json.dumps(get("http://hub.example/")))'
    async with opened(warden, loopback) as proxy:
        said = await asyncio.to_thread(warden.told, script, egress=proxy.path, hosts=("hub.example",))
    assert said == "403 localhost has no public address"


async def test_a_second_request_on_the_same_connection_is_not_passed_on(hub: int, place: Path) -> None:
    proxy = Egress(["hub.example"], identity.of_jobs()[0], here)
    await proxy.open()
    reader, writer = await asyncio.open_unix_connection(proxy.path)
    for host in ("hub.example", "other.example"):
        writer.write(f"GET http://hub.example/{host} HTTP/1.1\r\nHost: {host}\r\n\r\n".encode())
    said = (await asyncio.wait_for(reader.read(), 30)).decode()
    writer.close()
    await proxy.close()
    assert said.count("HTTP/1.1 200") == 1 and "at hub.example" in said and "other" not in said


@pytest.mark.parametrize(
    "head",
    ["", "GET", "GET / HTTP/1.1", "GET http:///x HTTP/1.1", "GET https://hub.example/ HTTP/1.1",
     "CONNECT :443 HTTP/1.1", "CONNECT hub.example:x HTTP/1.1", "GET http://hub.example/ HTTP/2",
     "GET http://[ HTTP/1.1"],
)  # fmt: skip
def test_what_is_no_request_is_refused(head: str, place: Path) -> None:
    proxy = Egress(["hub.example"], 0)
    with pytest.raises(Refused):
        proxy._parse(head.encode() + b"\r\n\r\n")
    asyncio.run(proxy.close())


@pytest.mark.parametrize(
    "address",
    ["127.0.0.1", "10.1.2.3", "192.168.0.1", "172.16.9.9", "169.254.169.254", "100.64.0.1", "0.0.0.0", "224.0.0.1",
     "::1", "fe80::1%eth0", "fd00::1", "::ffff:127.0.0.1", "64:ff9b::7f00:1", "2002:7f00:1::", "255.255.255.255", "::"],
)  # fmt: skip
def test_addresses_of_this_machine_and_of_private_networks_are_not_public(address: str) -> None:
    assert not _is_public(address)


def test_others_are() -> None:
    assert all(map(_is_public, ["8.8.8.8", "2606:4700::1111", "64:ff9b::808:808", "::ffff:8.8.8.8"]))


@given(st.ip_addresses())
def test_whatever_carries_a_private_address_is_as_private(address: Any) -> None:
    if address.version == 4 and not address.is_global:
        assert not _is_public(f"::ffff:{address}")


async def test_names_without_an_address_are_refused() -> None:
    with pytest.raises(Refused, match="cannot be resolved"):
        await public_addresses("nobody.invalid", 443)
