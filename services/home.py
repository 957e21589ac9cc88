"""Whether this user has a home folder, below which caches are kept by us and by every library that we start."""

from __future__ import annotations

import os
from pathlib import Path

from protocol.errors import BadInput


def require_home() -> None:
    """Raises `BadInput` for a user without: HOME is not set, and no account says where (a container's bare number)."""
    try:
        Path.home()
    except RuntimeError as error:
        raise BadInput(
            f"user {os.geteuid()} has no home folder, below which caches are kept: set HOME to one that can be written"
        ) from error
