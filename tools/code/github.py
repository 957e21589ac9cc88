"""GitHub's REST API, with the user's token where there is one, and raw files, without.

https://docs.github.com/rest. Its limits are told by status 403 or 429, with `x-ratelimit-remaining: 0`, with
`retry-after`, or in words alone (the secondary limits).
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Annotated, Any, TypeVar

from pydantic import Field

from tools.http import Answer
from tools.service import Service
from tools.tool import ToolFault

INSTEAD = "Use `show_script` and `signature`, which need no network."
GITHUB = Service("GitHub", "POSTDOCS_GITHUB_URL", "https://api.github.com", INSTEAD, key="GITHUB_TOKEN")
RAW = Service(
    "GitHub (files)", "POSTDOCS_GITHUB_RAW_URL", "https://raw.githubusercontent.com", INSTEAD, most_bytes=2_000_000
)
VERSION = "2022-11-28"
Shape = TypeVar("Shape")
Repository = Annotated[
    str, Field(pattern=r"^[A-Za-z0-9_-][A-Za-z0-9_.-]*/[A-Za-z0-9_-][A-Za-z0-9_.-]*$", max_length=140)
]
Ref = Annotated[str, Field(pattern=r"^[A-Za-z0-9_][A-Za-z0-9_./-]*$", max_length=200)]


async def ask(
    path: str, params: Mapping[str, Any] | None, shape: type[Shape], accept: str = "application/vnd.github+json"
) -> Shape:
    """The API's answer. Raises `ToolFault`: `Missing` for what is not there, or not to be seen."""
    headers = {"Accept": accept, "X-GitHub-Api-Version": VERSION}
    answer = await GITHUB.get(path, params, **headers)
    _check(answer)
    return GITHUB.parsed(GITHUB.accepted(answer), shape)


def _check(answer: Answer) -> None:
    spent = answer.headers.get("x-ratelimit-remaining") == "0" or "retry-after" in answer.headers
    if answer.status == 403 and (spent or b"rate limit" in answer.content.lower()):
        more = "" if GITHUB.secret else " With GITHUB_TOKEN set it would be 5,000 requests an hour instead of 60."
        when = _until(answer) if spent else " for a minute or more"
        raise ToolFault(f"GitHub's limit of requests is used up{when}.{more} {INSTEAD}")
    if answer.status == 409:
        raise ToolFault("this repository is empty")
    if answer.status == 422:
        raise ToolFault("GitHub does not understand the query, or it names a repository that is not to be seen")


def _until(answer: Answer) -> str:
    wait = answer.headers.get("retry-after", "")
    reset = answer.headers.get("x-ratelimit-reset", "")
    seconds = int(wait) if wait.isdigit() else int(reset) - time.time() if reset.isdigit() else 0
    return f" for {max(1, round(seconds / 60))} minutes" if 0 < seconds < 86_400 else ""
