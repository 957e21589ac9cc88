"""The tools' HTTP keeps to the public internet, keeps credentials at home, and ends."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from tools.http import Http, Unreachable, public
from tools.tool import ToolFault

Reply = tuple[int, dict[str, str], bytes]


@contextmanager
def serving(reply: Callable[[str, dict[str, str]], Reply]) -> Iterator[str]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            status, headers, body = reply(self.path, dict(self.headers))
            self.send_response(status)
            for name, value in ({"Content-Length": str(len(body))} | headers).items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            """Quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    yield f"127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    server.server_close()


def at_home(*hosts: str, **more: object) -> Http:
    return Http(trusted=frozenset(hosts), **more)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("address", "open"),
    [
        ("93.184.216.34", True), ("2606:4700::1111", True), ("127.0.0.1", False), ("10.1.2.3", False),
        ("192.168.0.1", False), ("169.254.169.254", False), ("100.64.0.1", False), ("0.0.0.0", False), ("::1", False),
        ("fe80::1%eth0", False), ("fc00::1", False), ("::ffff:127.0.0.1", False), ("224.0.0.1", False),
        ("2002:7f00:1::", False), ("64:ff9b::7f00:1", False), ("64:ff9b::a9fe:a9fe", False),
    ],
)  # fmt: skip
def test_which_addresses_are_public(address: str, open: bool) -> None:
    assert public(address) is open


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::1]", "169.254.169.254", "2130706433", "0x7f.1"])
async def test_private_addresses_are_not_fetched_however_they_are_written(host: str) -> None:
    with pytest.raises(ToolFault, match="not of the public internet"):
        await Http().get(f"http://{host}/latest/meta-data")


async def test_a_name_that_leads_home_is_not_fetched() -> None:
    async def rebinding(host: str, port: int) -> list[str]:
        return ["127.0.0.1"]

    with pytest.raises(ToolFault, match=r"evil\.example is at 127"):
        await Http(resolve=rebinding).get("http://evil.example/")


@pytest.mark.parametrize("url", ["file:///etc/passwd", "ftp://x/y", "gopher://x", "http://me:secret@example.org/", "x"])
async def test_other_schemes_and_passwords_are_refused(url: str) -> None:
    with pytest.raises(ToolFault):
        await Http().get(url)


async def test_a_redirect_to_a_private_address_is_not_followed() -> None:
    away = {"Location": "http://127.0.0.1:1/secret"}
    with (
        serving(lambda path, headers: (302, away, b"")) as home,
        pytest.raises(ToolFault, match="not of the public internet"),
    ):
        await at_home(home).get(f"http://{home}/")


async def test_credentials_go_to_their_own_host_only() -> None:
    seen: list[dict[str, str]] = []

    def elsewhere(path: str, headers: dict[str, str]) -> Reply:
        seen.append(headers)
        return 200, {}, b"there"

    def here(path: str, headers: dict[str, str]) -> Reply:
        seen.append(headers)
        return 302, {"Location": f"http://{other}/x"}, b""

    with serving(elsewhere) as other, serving(here) as home:
        http = at_home(home, other, credentials={f"http://{home}": {"Authorization": "Bearer secret"}})
        assert (await http.get(f"http://{home}/")).text == "there"
    assert seen[0]["Authorization"] == "Bearer secret" and "Authorization" not in seen[1]


async def test_redirects_repetitions_and_bytes_are_bounded() -> None:
    asked: list[str] = []

    def reply(path: str, headers: dict[str, str]) -> Reply:
        asked.append(path)
        if path == "/loop":
            return 302, {"Location": "/loop"}, b""
        if path == "/busy":
            return 429, {"Retry-After": "0"}, b""
        return 200, {}, b"x" * 5000

    with serving(reply) as home:
        http = at_home(home, most_bytes=1000)
        with pytest.raises(ToolFault, match="redirects more than"):
            await http.get(f"http://{home}/loop")
        with pytest.raises(ToolFault, match="429 3 times"):
            await http.get(f"http://{home}/busy")
        answer = await http.get(f"http://{home}/big", {"q": "a b", "none": None})
        assert len(answer.content) == 1000 and answer.cut
    assert asked.count("/busy") == 3 and asked[-1] == "/big?q=a+b"


async def test_a_busy_server_is_asked_again() -> None:
    replies = iter([(503, {"Retry-After": "0"}, b""), (200, {}, json.dumps({"fine": 1}).encode())])
    with serving(lambda path, headers: next(replies)) as home:
        assert json.loads((await at_home(home).get(f"http://{home}/")).text) == {"fine": 1}


async def test_nobody_there_is_said_plainly() -> None:
    with pytest.raises(Unreachable, match=r"127\.0\.0\.1:9 cannot be reached"):
        await at_home("127.0.0.1:9").get("http://127.0.0.1:9/")
    with pytest.raises(Unreachable, match="cannot be found"):
        await Http().get("http://no-such-host.invalid/")
