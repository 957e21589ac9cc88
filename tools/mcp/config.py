"""`mcp.yaml`: which MCP servers there are, for which roles, with which of their tools.

The file is the one that POSTDOCS_MCP names; else `postdocs/mcp.yaml` in the user's config home (XDG_CONFIG_HOME, or
`~/.config`). POSTDOCS_MCP set to nothing: no servers. A file beside a task is never read: a task may come from somebody
else, and this file starts programs and names tokens.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Self
from urllib.parse import parse_qsl, urlsplit

import yaml
from pydantic import ConfigDict, Field, TypeAdapter, ValidationError, model_validator

from protocol.errors import BadInput
from protocol.message import Part

VARIABLE = "POSTDOCS_MCP"
MOST_SERVERS, MOST_TOOLS = 10, 30
SECONDS, MOST_SECONDS = 30.0, 300.0
_NAME = re.compile(r"[a-z][a-z0-9-]{0,19}")
_VARIABLE_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_SECRET = re.compile(r"authori[sz]|auth([-_]|$)|cookie|token|secret|key|passw|credential|signature", re.IGNORECASE)
"""Headers, and names in an address's query, whose value is no setting but a credential."""
Word = Annotated[str, Field(min_length=1, max_length=200)]


class Server(Part):
    """One server: a program that is started (`command`), or an address that is asked (`url`, streamable HTTP)."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    name: str
    command: str | None = None
    args: tuple[str, ...] = ()
    env: dict[str, str] = {}
    """Plain settings of the program."""
    variables: tuple[str, ...] = ()
    """Variables of the crew's environment that the program gets, and no other process."""
    url: str | None = None
    headers: dict[str, str] = {}
    """Plain settings that are sent along."""
    token: str | None = None
    """The variable that holds the token, sent as `Authorization: Bearer …` to this server only."""
    roles: Annotated[tuple[Word, ...], Field(min_length=1)]
    """Who may use it."""
    tools: Annotated[tuple[Word, ...], Field(min_length=1, max_length=MOST_TOOLS)]
    """Which of its tools."""
    seconds: Annotated[float, Field(gt=0, le=MOST_SECONDS)] = SECONDS
    """Within which it must have started, and must have answered a call."""

    @model_validator(mode="after")
    def _makes_sense(self) -> Self:
        if _NAME.fullmatch(self.name) is None:
            raise ValueError("a server's name is of up to 20 small letters, digits and -")
        if (self.command is None) == (self.url is None):
            raise ValueError("give either `command`, to start it, or `url`, to ask it")
        others = ("headers", "token") if self.command else ("args", "env", "variables")
        if wrong := [name for name in others if getattr(self, name)]:
            raise ValueError(f"{wrong[0]} does not go with {'command' if self.command else 'url'}")
        named = [*self.variables, *([self.token] if self.token else [])]
        if bad := [name for name in named if _VARIABLE_NAME.fullmatch(name) is None]:
            raise ValueError(f"{bad[0][:8]}… is no name of a variable: name the one that holds the token")
        if secret := next(filter(_SECRET.search, self.headers), None):
            raise ValueError(f"put the value of {secret} into a variable, and name that under `token`")
        if self.url is not None:
            _check_url(self.url)
        return self

    @property
    def missing(self) -> tuple[str, ...]:
        """Variables that it is to get, and that are not set."""
        wanted = (*self.variables, *((self.token,) if self.token else ()))
        return tuple(name for name in wanted if not os.environ.get(name, "").strip())

    @property
    def secrets(self) -> tuple[str, ...]:
        """Values that nobody but this server is to see; what its address asks with may be one, however it is named."""
        wanted = (*self.variables, *((self.token,) if self.token else ()))
        query = urlsplit(self.url).query if self.url else ""
        return tuple(filter(None, (*(os.environ.get(name, "").strip() for name in wanted), query)))


_FILE: TypeAdapter[dict[str, dict[str, Any]]] = TypeAdapter(dict[str, dict[str, Any]])


def where(environment: Mapping[str, str] = os.environ) -> Path | None:
    """The config file, whether or not it is there; None where the user wants none."""
    named = environment.get(VARIABLE)
    if named is not None:
        return Path(named).expanduser() if named.strip() else None
    home = environment.get("XDG_CONFIG_HOME") or "~/.config"
    try:
        return Path(home).expanduser() / "postdocs" / "mcp.yaml"
    except RuntimeError:  # a user without a home folder has no config in it
        return None


def configured(environment: Mapping[str, str] = os.environ) -> tuple[Server, ...]:
    """The servers of the config file; none without one. Raises `BadInput` for a file that cannot be used."""
    path = where(environment)
    if path is None or (not path.exists() and environment.get(VARIABLE) is None):
        return ()
    try:
        found = yaml.safe_load(path.read_text(encoding="utf-8")) or {}
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise BadInput(f"the MCP config {path} cannot be read ({' '.join(str(error).split())[:200]})") from error
    if not isinstance(found, dict) or set(found) - {"servers"}:
        raise BadInput(f"the MCP config {path} is to have one entry, `servers`: name → server")
    try:
        entries = _FILE.validate_python(found.get("servers") or {})
        servers = tuple(Server.model_validate({**entry, "name": name}) for name, entry in entries.items())
    except ValidationError as error:
        raise BadInput(f"the MCP config {path}: {_told(error)}") from error
    if len(servers) > MOST_SERVERS:
        raise BadInput(f"the MCP config {path} names {len(servers)} servers: {MOST_SERVERS} at most")
    return servers


def _told(error: ValidationError) -> str:
    """The first fault, without the value: it may be a token in the wrong place."""
    fault = error.errors(include_input=False, include_url=False)[0]
    place = ".".join(map(str, fault["loc"]))
    return f"{place}: {fault['msg']}" if place else fault["msg"]


def _check_url(url: str) -> None:
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError("url is to be an http or https address")
    if parts.username or parts.password:
        raise ValueError("leave user and password out of url: put a token into a variable, and name that under `token`")
    asked = [name for name, _ in parse_qsl(parts.query, keep_blank_values=True)]
    if secret := next(filter(_SECRET.search, asked), None):
        raise ValueError(f"leave {secret} out of url: put its value into a variable, and name that under `token`")
