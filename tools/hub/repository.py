"""What a repository of the Hub says and holds: asked in public, and with the user's token only where it is gated."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar
from urllib.parse import quote

from tools import hub_client
from tools.http import Answer
from tools.hub.services import HUB, HUB_WITH_TOKEN, INSTEAD, Kind, hub_token
from tools.hub_client import Gated
from tools.service import Missing
from tools.tool import ToolFault

if TYPE_CHECKING:
    from huggingface_hub import HfApi

Given = TypeVar("Given")
FOLDERS: dict[Kind, str] = {"model": "", "dataset": "/datasets", "space": "/spaces"}
"""Where repositories of a kind are on the Hub."""


async def ask(call: Callable[[HfApi], Given], name: str, kind: Kind) -> Given:
    """What the Hub's client answers about a repository. Raises `ToolFault`: `Missing`, `Gated`, …"""
    try:
        try:
            return await hub_client.ask(call, INSTEAD)
        except Gated:
            token = hub_token()
            if token is None:
                raise
            return await hub_client.ask(call, INSTEAD, token=token)
    except Gated as error:
        raise gated(name, kind, hub_token() is not None) from error
    except Missing as error:
        raise missing(name, kind) from error


async def file(name: str, kind: Kind, path: str, revision: str = "main") -> Answer:
    """A file as it is, cut at `services.FILE_BYTES`. Raises `ToolFault`: `Missing` for no such file or repository.

    https://huggingface.co/docs/hub/api: `/{repository}/resolve/{revision}/{path}`, errors named by `X-Error-Code`.
    """
    where = f"{FOLDERS[kind]}/{name}/resolve/{quote(revision, safe='')}/{quote(path)}"
    answer = await HUB.get(where)
    sent = False
    if answer.headers.get("x-error-code") == "GatedRepo" and hub_token() is not None:
        answer, sent = await HUB_WITH_TOKEN.get(where), True
    code = answer.headers.get("x-error-code")
    if code == "GatedRepo":
        raise gated(name, kind, sent)
    if code in ("EntryNotFound", "RevisionNotFound"):
        what = f"file {path!r}" if code == "EntryNotFound" else "such revision"
        raise Missing(f"{name} has no {what} at {revision!r}: see list_hub_files")
    if code == "RepoNotFound" or answer.status in (401, 404):
        raise missing(name, kind)
    return HUB.accepted(answer)


def page(name: str, kind: Kind) -> str:
    return f"{HUB.base}{FOLDERS[kind]}/{name}"


def gated(name: str, kind: Kind, sent: bool) -> Gated:
    """`sent`: a token went along, and does not open it."""
    how = "with the account of the token that is set" if sent else "and set HF_TOKEN"
    return Gated(
        f"{kind} {name} is gated: only the user can open it (accept its conditions at {page(name, kind)} {how}). "
        "Take another one."
    )


def missing(name: str, kind: Kind) -> ToolFault:
    return Missing(f"the Hub has no {kind} {name!r} that everybody may see: check the name, or search for it")
