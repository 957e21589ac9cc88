"""The way out for jobs that were granted hosts: a proxy of the worker's, outside the sandbox.

It listens on a unix socket that one job's sandbox shows (`root.EGRESS`), takes HTTP CONNECT (for TLS) and plain HTTP
(RFC 9110 section 9.3.6, RFC 9112 section 3.2.2), and lets through what goes to one of that job's hosts, on ports 443
and 80. It resolves names itself and refuses addresses of this machine and of private networks: a granted name must not
lead to the bus. What is said inside TLS it cannot see: a host is granted with all that it serves or passes on.
"""

from __future__ import annotations

import asyncio
import ipaddress
import logging
import os
import shutil
import socket
import tempfile
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from urllib.parse import urlsplit

from services.executor.sandbox.network import CHUNK, Stream, join

log = logging.getLogger(__name__)
PORTS = {"CONNECT": 443, "http": 80}
CONNECT_SECONDS = 20.0
HEAD = 1 << 16
"""Bytes of a request's head."""
CONNECTIONS = 256
"""Of one job at a time."""
_HOP_BY_HOP = ("connection", "proxy-connection", "proxy-authorization", "keep-alive", "upgrade", "te", "host")
"""Not passed on (RFC 9110 section 7.6.1); the host is written anew."""

Resolver = Callable[[str, int], Awaitable[Sequence[str]]]
"""Name and port → addresses, of which those that are not public are refused."""


class Refused(Exception):
    """A request that is not let through: HTTP status and why."""

    def __init__(self, status: int, why: str) -> None:
        self.status, self.why = status, why
        super().__init__(why)


async def public_addresses(host: str, port: int) -> Sequence[str]:
    """The host's addresses that belong to the internet. Raises `Refused` where there is none, or no such host."""
    try:
        found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except OSError as error:
        raise Refused(502, f"{host} cannot be resolved: {error}") from error
    public = [address for *_, (address, *_) in found if _is_public(str(address))]
    if not public:
        raise Refused(403, f"{host} has no public address")
    return [str(address) for address in dict.fromkeys(public)]


def _is_public(address: str) -> bool:
    """Whether it is one of the internet, in whatever way it is written (NAT64, 6to4 and Teredo carry others)."""
    ip = ipaddress.ip_address(address.split("%")[0])
    if isinstance(ip, ipaddress.IPv6Address):
        inner = ip.ipv4_mapped or ip.sixtofour or (ip.teredo[1] if ip.teredo else None)
        if inner is None and ip in ipaddress.ip_network("64:ff9b::/96"):
            inner = ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF)
        if inner is not None:
            return _is_public(str(inner))
    return ip.is_global and not ip.is_multicast


class Egress:
    """One job's proxy."""

    def __init__(self, hosts: Sequence[str], uid: int, resolve: Resolver = public_addresses) -> None:
        """`uid`: whose job it is. `resolve`: tests lead names to a server of their own."""
        self.hosts = frozenset(host.lower().rstrip(".") for host in hosts)
        self.passed = self.refused = 0
        """Connections so far."""
        self._uid, self._resolve = uid, resolve
        self._folder = Path(tempfile.mkdtemp(prefix="postdocs-egress-"))
        self._server: asyncio.Server | None = None
        self._free = asyncio.Semaphore(CONNECTIONS)
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def path(self) -> str:
        """Of the socket."""
        return str(self._folder.resolve() / "egress.sock")

    async def open(self) -> None:
        self._server = await asyncio.start_unix_server(self._accept, self.path, limit=HEAD)
        Path(self.path).chmod(0o600)
        if os.geteuid() == 0:
            os.chown(self.path, self._uid, -1)

    async def close(self) -> None:
        """End all connections."""
        if self._server is not None:
            self._server.close()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        shutil.rmtree(self._folder, ignore_errors=True)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        try:
            async with self._free:
                await self._serve((reader, writer))
        except (OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError, TimeoutError):
            log.debug("a connection of a job broke off")
        finally:
            writer.close()

    async def _serve(self, job: Stream) -> None:
        try:
            head = await asyncio.wait_for(job[0].readuntil(b"\r\n\r\n"), CONNECT_SECONDS)
            method, host, port, onward = self._parse(head)
            out = await self._connect(host, port)
        except Refused as refused:
            self.refused += 1
            log.info("a job's connection is refused: %s", refused.why)
            job[1].write(f"HTTP/1.1 {refused.status} Refused\r\nConnection: close\r\n\r\n{refused.why}\n".encode())
            await job[1].drain()
            return
        self.passed += 1
        if method == "CONNECT":
            job[1].write(b"HTTP/1.1 200 Connection established\r\n\r\n")
            await join(job, out)
            return
        try:
            await _pass_one(job, out, onward)
        finally:
            out[1].close()

    def _parse(self, head: bytes) -> tuple[str, str, int, bytes]:
        """(method, host, port, the head to pass on). Raises `Refused`."""
        try:
            first, *lines = head.decode("latin-1").split("\r\n")
            method, target, version = first.split(" ")
            url = urlsplit(f"//{target}" if method == "CONNECT" else target)
            host, port = (url.hostname or "").rstrip("."), url.port
        except ValueError:
            raise Refused(400, "that is no request") from None
        wanted = PORTS["CONNECT"] if method == "CONNECT" else PORTS["http"]
        if not host or not version.startswith("HTTP/1.") or (method != "CONNECT" and url.scheme != "http"):
            raise Refused(400, "a proxy takes CONNECT, or http:// with a host")
        if host not in self.hosts:
            raise Refused(403, f"{host} is not among the hosts that this job was granted")
        if (port or wanted) not in PORTS.values():
            raise Refused(403, f"port {port} of {host}: only {', '.join(map(str, PORTS.values()))} are let through")
        kept = [line for line in lines if line and line.split(":")[0].strip().lower() not in _HOP_BY_HOP]
        path = (url.path or "/") + (f"?{url.query}" if url.query else "")
        onward = [f"{method} {path} {version}", f"Host: {url.netloc}", *kept, "Connection: close", "", ""]
        return method, host, port or wanted, "\r\n".join(onward).encode("latin-1")

    async def _connect(self, host: str, port: int) -> Stream:
        for address in await self._resolve(host, port):
            try:
                return await asyncio.wait_for(asyncio.open_connection(address, port, limit=CHUNK), CONNECT_SECONDS)
            except (OSError, TimeoutError):
                continue
        raise Refused(502, f"{host} does not answer")


async def _pass_one(job: Stream, out: Stream, head: bytes) -> None:
    """One request with its body, and its answer: a second on the same connection could name another host."""
    length = 0
    for line in head.decode("latin-1").split("\r\n"):
        name, _, value = line.partition(":")
        if name.strip().lower() == "content-length" and value.strip().isdigit():
            length = int(value)
        elif name.strip().lower() == "transfer-encoding":
            job[1].write(b"HTTP/1.1 411 Length required\r\nConnection: close\r\n\r\n")
            return
    out[1].write(head)
    while length > 0:
        data = await job[0].read(min(length, CHUNK))
        if not data:
            return
        out[1].write(data)
        await out[1].drain()
        length -= len(data)
    while data := await out[0].read(CHUNK):
        job[1].write(data)
        await job[1].drain()
