"""Where the items of a held-out split come from, as a task or a harness names it: minds are kept away from there.

Used by `brief` and `benchmark` for `origin`; read by `tools/hub/held_out.py`.
"""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BeforeValidator, Field

ItemOrigin = Annotated[
    str,
    Field(
        pattern=r"^(https?://[^\s/?#]\S*|[A-Za-z0-9_][\w.-]*(/[A-Za-z0-9_][\w.-]*)?(:[\w.\[\]:%+-]+)?)$",
        max_length=500,
    ),
]
"""A dataset of the Hub (`openai/gsm8k`), one of its splits (`openai/gsm8k:test`), or an address (`https://…`)."""


def _several(value: Any) -> Any:
    """One may stand alone in a task file."""
    return (value,) if isinstance(value, str) else value


ItemOrigins = Annotated[tuple[ItemOrigin, ...], BeforeValidator(_several)]
