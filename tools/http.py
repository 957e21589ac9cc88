"""HTTP for the tools: bounded in time, size, redirects and repetitions; private addresses only where a user put them.

A name is resolved once, the address is checked, and the connection goes to that very address (no DNS rebinding). A
credential belongs to one host, and is sent to no other, whatever a redirect says.
"""

from __future__ import annotations

import asyncio
import ipaddress
import socket
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urljoin, urlsplit

import httpx2

from tools.tool import ToolFault

AGENT = "postdocs"
SECONDS = 20.0
BYTES = 8_000_000
REDIRECTS = 5
TRIES = 3
MOST_WAIT = 10.0
"""Seconds that a server's Retry-After is waited for."""
AGAIN = (429, 500, 502, 503, 504)
NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
"""Behind it are addresses of IPv4 (RFC 6052)."""
Resolve = Callable[[str, int], Awaitable[list[str]]]


class Unreachable(ToolFault):
    """Nobody answers there: no network, no such name, or the connection broke."""


@dataclass(frozen=True)
class Answer:
    """What came back, cut at the limit of bytes."""

    url: str
    status: int
    headers: Mapping[str, str]
    content: bytes
    cut: bool = False

    @property
    def text(self) -> str:
        kind = self.headers.get("content-type", "")
        charset = kind.partition("charset=")[2].strip("\"' ;") or "utf-8"
        try:
            return self.content.decode(charset, errors="replace")
        except LookupError:
            return self.content.decode("utf-8", errors="replace")


async def resolve(host: str, port: int) -> list[str]:
    """The addresses of a name. Raises `OSError`."""
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [str(entry[4][0]) for entry in found]


@dataclass(frozen=True)
class Http:
    """One way of asking. `trusted` names the hosts (`host:port`) that may lie at private addresses, since the user
    configured them; `credentials` maps `https://host` to the headers that only it gets, in that scheme."""

    trusted: frozenset[str] = frozenset()
    credentials: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    seconds: float = SECONDS
    most_bytes: int = BYTES
    again: tuple[int, ...] = AGAIN
    """Statuses upon which is asked again."""
    resolve: Resolve = resolve

    async def get(self, url: str, params: Mapping[str, Any] | None = None, **headers: str) -> Answer:
        """The answer, redirects followed, any status but those of `again`. Raises `ToolFault`."""
        query = {name: value for name, value in (params or {}).items() if value is not None}
        target = str(httpx2.URL(url, params=query)) if query else url
        wait = 0.5
        for attempt in range(1, TRIES + 1):
            answer = await self._follow(target, headers)
            if answer.status not in self.again:
                return answer
            if attempt < TRIES:
                pause = _asked(answer, wait)
                await asyncio.sleep(pause)
                wait *= 2
        raise ToolFault(f"{_host(target)} answers {answer.status} {TRIES} times: try later, or another source")

    async def _follow(self, url: str, headers: Mapping[str, str]) -> Answer:
        for _ in range(REDIRECTS + 1):
            answer = await self._once(url, headers)
            target = answer.headers.get("location")
            if answer.status not in (301, 302, 303, 307, 308) or target is None:
                return answer
            url = urljoin(url, target)
        raise ToolFault(f"{_host(url)} redirects more than {REDIRECTS} times")

    async def _once(self, url: str, headers: Mapping[str, str]) -> Answer:
        """One request to the checked address, with the name in `Host` and in the TLS handshake."""
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ToolFault(f"{url[:200]!r} is no address of the web: give an http or https URL")
        if parts.username or parts.password:
            raise ToolFault("an address with a user or a password in it is not fetched")
        where = _host(url)
        address = await self._address(parts.hostname, parts.port or (443 if parts.scheme == "https" else 80), where)
        own = self.credentials.get(f"{parts.scheme}://{where}", {})
        given = {"User-Agent": AGENT, **headers, **own, "Host": parts.netloc}
        target = httpx2.URL(url).copy_with(host=address)
        try:
            async with (
                asyncio.timeout(self.seconds),
                httpx2.AsyncClient(timeout=self.seconds, trust_env=False) as client,
                client.stream("GET", target, headers=given, extensions={"sni_hostname": parts.hostname}) as response,
            ):
                content, whole = await self._read(response)
                return Answer(url, response.status_code, dict(response.headers), content, not whole)
        except TimeoutError as error:
            raise Unreachable(f"{where} did not answer within {self.seconds:.0f} s") from error
        except httpx2.HTTPError as error:
            raise Unreachable(f"{where} cannot be reached ({type(error).__name__})") from error

    async def _read(self, response: httpx2.Response) -> tuple[bytes, bool]:
        content = bytearray()
        async for chunk in response.aiter_bytes():
            content += chunk
            if len(content) > self.most_bytes:
                return bytes(content[: self.most_bytes]), False
        return bytes(content), True

    async def _address(self, host: str, port: int, where: str) -> str:
        """The address to connect to. Raises `ToolFault` for one that is not of the public internet."""
        try:
            found = await self.resolve(host, port)
        except OSError as error:
            raise Unreachable(f"{host} cannot be found ({error.strerror or error}): is there a network?") from error
        if where in self.trusted:
            return found[0]
        for address in found:
            if not public(address):
                raise ToolFault(f"{host} is at {address}, which is not of the public internet: it is not fetched")
        return found[0]


def public(address: str) -> bool:
    """Whether an address is of the public internet: not private, loopback, link-local, multicast, or mapped so."""
    ip = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(ip, ipaddress.IPv6Address):
        nat64 = ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF) if ip in NAT64 else None
        inner = ip.ipv4_mapped or ip.sixtofour or (ip.teredo[1] if ip.teredo else None) or nat64
        if inner is not None:
            ip = inner
    return ip.is_global and not ip.is_multicast


def _host(url: str) -> str:
    """`host:port`, the port left out where it is the scheme's own."""
    parts = urlsplit(url)
    own = parts.port in (None, 443 if parts.scheme == "https" else 80)
    return (parts.hostname or "") if own else f"{parts.hostname}:{parts.port}"


def _asked(answer: Answer, otherwise: float) -> float:
    try:
        return min(MOST_WAIT, max(0.0, float(answer.headers.get("retry-after", otherwise))))
    except ValueError:
        return otherwise
