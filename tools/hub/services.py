"""The Hugging Face Hub and its datasets server, and when the user's token is taken along.

Everything is asked without a token first. Only what the Hub itself calls gated is asked again with the token, so that
what a mind reads is public, or gated and open to the user: never one of the user's private repositories.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import Field

from tools.service import Service

INSTEAD = "Go on with the task's own sources and with what the crew knows, which need no network."
FILE_BYTES = 2_000_000
BUSY = (429, 502, 503, 504)
"""The datasets server says by a 500 what is wrong with a dataset: that is an answer, not a failure to repeat."""
Kind = Literal["model", "dataset", "space"]
RepositoryId = Annotated[str, Field(pattern=r"^[A-Za-z0-9_][\w.-]*(/[A-Za-z0-9_][\w.-]*)?$", max_length=140)]
"""owner/name; the oldest ones have a name alone (gpt2)."""
Revision = Annotated[str, Field(pattern=r"^[A-Za-z0-9_][\w./-]*$", max_length=200)]
"""Branch, tag or commit."""
Tag = Annotated[str, Field(pattern=r"^[\w.+-]+$", max_length=80)]


@dataclass(frozen=True)
class WithToken(Service):
    """A service that gets the token of the Hub's client: HF_TOKEN, else the one that `hf auth login` has saved."""

    key: str | None = "HF_TOKEN"

    @property
    def secret(self) -> str | None:
        from huggingface_hub import get_token

        return get_token()


HUB = Service("the Hugging Face Hub", "HF_ENDPOINT", "https://huggingface.co", INSTEAD, most_bytes=FILE_BYTES)
HUB_WITH_TOKEN = WithToken(HUB.name, HUB.variable, HUB.default, INSTEAD, most_bytes=FILE_BYTES)
VIEWER = Service(
    "the datasets server",
    "POSTDOCS_DATASETS_SERVER_URL",
    "https://datasets-server.huggingface.co",
    f"Read its files (list_hub_files, read_hub_file). {INSTEAD}",
    seconds=30.0,
    again=BUSY,
)
"""https://huggingface.co/docs/dataset-viewer"""
VIEWER_WITH_TOKEN = WithToken(
    VIEWER.name, VIEWER.variable, VIEWER.default, VIEWER.instead, seconds=VIEWER.seconds, again=BUSY
)


def hub_token() -> str | None:
    return HUB_WITH_TOKEN.secret


def viewer_token() -> str | None:
    """The token where the datasets server belongs to the Hub that it is for: another Hub's goes to none but its own."""
    same = (HUB.base == HUB.default) == (VIEWER.base == VIEWER.default)
    return hub_token() if same else None
