"""Durations as people write them, in seconds. Used wherever a task file takes one."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import BeforeValidator, Field

_UNIT_SECONDS = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_DURATION = re.compile(r"^\s*(\d+(?:\.\d+)?)\s*([smhd]?)\s*$")


def seconds(value: object) -> object:
    """`"5m"`, `"10h"`, `"90s"`, `"2d"` or a plain number, as seconds."""
    if isinstance(value, str):
        found = _DURATION.match(value)
        if not found:
            raise ValueError(f"{value!r} is not a duration: write 90s, 5m, 10h or 2d")
        return float(found[1]) * _UNIT_SECONDS[found[2] or "s"]
    return value


Seconds = Annotated[float, BeforeValidator(seconds), Field(gt=0)]
