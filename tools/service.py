"""A service of the outside world: where it is, which key it gets, and what its refusals mean.

The address comes from an environment variable, the real service's being the default. An address that the user has
set may lie in a private network; the default may not. A key is sent to the service's own host and to no
other (`tools.http`).
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

import httpx2
from pydantic import TypeAdapter, ValidationError

from tools.http import AGAIN, BYTES, SECONDS, Answer, Http, Unreachable
from tools.tool import ToolFault

Shape = TypeVar("Shape")


class Missing(ToolFault):
    """The service does not know it."""


@dataclass(frozen=True)
class Service:
    """One service. Settings are read at each call, so that a test or a user can change them."""

    name: str
    variable: str
    """The environment variable that names another address of it."""
    default: str
    instead: str
    """What to do where it does not answer."""
    key: str | None = None
    """The environment variable that holds the user's key."""
    header: str = "Authorization"
    scheme: str = "Bearer "
    """How the key is given: `header: scheme + key`."""
    seconds: float = SECONDS
    most_bytes: int = BYTES
    again: tuple[int, ...] = AGAIN
    """Statuses upon which is asked again."""

    @property
    def base(self) -> str:
        return (os.environ.get(self.variable, "").strip() or self.default).rstrip("/")

    @property
    def secret(self) -> str | None:
        return (os.environ.get(self.key, "").strip() or None) if self.key else None

    @property
    def http(self) -> Http:
        base = self.base
        url = httpx2.URL(base)
        where = url.netloc.decode()
        trusted = frozenset({where}) if base != self.default else frozenset()
        given = {f"{url.scheme}://{where}": {self.header: self.scheme + self.secret}} if self.secret else {}
        return Http(
            trusted=trusted,
            credentials=given,
            seconds=self.seconds,
            most_bytes=self.most_bytes,
            again=self.again,
        )

    async def get(self, path: str, params: Mapping[str, Any] | None = None, **headers: str) -> Answer:
        """The answer, whatever its status but those of `again`. Raises `ToolFault`, which says what to do instead."""
        try:
            return await self.http.get(self.base + path, params, **headers)
        except Unreachable as error:
            raise Unreachable(f"{self.name} cannot be reached now ({_why(error)}). {self.instead}") from error
        except ToolFault as error:
            raise ToolFault(f"{self.name}: {error}. {self.instead}") from error

    async def read(self, path: str, params: Mapping[str, Any] | None, shape: type[Shape], **headers: str) -> Shape:
        """The answer's JSON as `shape`. Raises `Missing` for a 404, `ToolFault` for what else is no answer."""
        return self.parsed(self.accepted(await self.get(path, params, **headers)), shape)

    def accepted(self, answer: Answer) -> Answer:
        """The answer, if it is one."""
        status = answer.status
        if status in (404, 410):
            raise Missing(f"{self.name} knows nothing of that name (status {status})")
        if status in (401, 403):
            wanted = f"; is {self.key} set, and right?" if self.key else ""
            raise ToolFault(f"{self.name} refuses access (status {status}){wanted} {self.instead}")
        if status >= 300:
            raise ToolFault(f"{self.name} refuses this request (status {status}): change the arguments")
        return answer

    def parsed(self, answer: Answer, shape: type[Shape]) -> Shape:
        if answer.cut:
            raise ToolFault(f"{self.name} answered more than {self.most_bytes / 1e6:.0f} MB: ask for less")
        try:
            return TypeAdapter(shape).validate_json(answer.content)
        except ValidationError as error:  # what is in it is the service's word, and stays out of ours
            raise ToolFault(f"{self.name} answered what cannot be read. {self.instead}") from error


def _why(error: Unreachable) -> str:
    """The client's own errors may quote what came over the line: then only their name is told."""
    cause = error.__cause__
    return f"the connection failed ({type(cause).__name__})" if isinstance(cause, httpx2.HTTPError) else str(error)
