"""A hostile job that was granted a host, and would use the way there to get elsewhere."""

from __future__ import annotations

import os
import socket
from pathlib import Path
from urllib.parse import urlsplit

from probing import TARGETS, attempt, main

SECONDS = 6.0
HOST = "granted.invalid"
"""A name that no server has (RFC 2606): whatever answers is not it."""


def asked(request: str) -> str | None:
    """What answers through the proxy, unless it is the proxy itself that refuses."""
    proxy = urlsplit(os.environ["HTTPS_PROXY"])
    with socket.create_connection((proxy.hostname or "", proxy.port or 0), SECONDS) as client:
        client.sendall(request.encode())
        answer = client.recv(1000)
        if answer.startswith(b"HTTP/1.1 200 Connection established"):
            client.sendall(b"hello\r\n")
            answer += client.recv(1000)
    refused = answer[9:12] in (b"400", b"403", b"411", b"502") or not answer
    return None if refused else f"answered {answer!r}"


def connected(target: str) -> str | None:
    return asked(f"CONNECT {target} HTTP/1.1\r\nHost: {target}\r\n\r\n")


@attempt
def loopback_through_the_proxy() -> str | None:
    return connected(f"127.0.0.1:{TARGETS['tcp']}") or connected(f"localhost:{TARGETS['tcp']}")


@attempt
def loopback_in_other_spellings() -> str | None:
    for spelled in ("0", "127.1", "2130706433", "0x7f000001", "[::1]", "[::ffff:127.0.0.1]"):
        if found := connected(f"{spelled}:{TARGETS['tcp']}") or connected(f"{spelled}:443"):
            return found
    return None


@attempt
def bus_through_the_proxy() -> str | None:
    host, port = TARGETS["bus"]
    return connected(f"{host}:{port}")


@attempt
def granted_name_before_another() -> str | None:
    port = TARGETS["tcp"]
    return connected(f"{HOST}@127.0.0.1:{port}") or connected(f"{HOST}:443@127.0.0.1:{port}")


@attempt
def granted_name_with_something_added() -> str | None:
    for name in (f"{HOST}.evil.example", f"evil-{HOST}", f"{HOST}%00.evil.example", f"{HOST}\\@127.0.0.1"):
        if found := connected(f"{name}:443"):
            return found
    return None


@attempt
def another_port_of_the_granted_name() -> str | None:
    return connected(f"{HOST}:{TARGETS['tcp']}") or connected(f"{HOST}:4222")


@attempt
def another_host_in_the_head() -> str | None:
    port = TARGETS["tcp"]
    return asked(f"GET http://127.0.0.1:{port}/ HTTP/1.1\r\nHost: {HOST}\r\n\r\n") or asked(
        f"GET /latest/meta-data HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n\r\n"
    )


@attempt
def other_protocols() -> str | None:
    for scheme in ("file", "ftp", "https", "gopher", "unix"):
        if found := asked(f"GET {scheme}:///etc/passwd HTTP/1.1\r\nHost: {HOST}\r\n\r\n"):
            return found
    return None


@attempt
def head_without_end() -> str | None:
    return asked("GET " + "x" * (1 << 20))


@attempt
def around_the_proxy() -> str:
    with socket.create_connection(("127.0.0.1", TARGETS["tcp"]), SECONDS):
        return "connected"


@attempt
def socket_of_the_proxy_for_other_things() -> str | None:
    """It takes requests, not files: nothing is passed over it but bytes."""
    found = [path for folder in ("/run", "/tmp", "/var/run") for path in Path(folder).glob("*.sock")]
    others = [path for path in found if path.name != "egress.sock"]
    return f"sees {others}" if others else None


if __name__ == "__main__":
    main()
