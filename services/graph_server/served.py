"""`served.json` in a run's folder: a graph server keeps this run going, or has given it up, and why."""

from __future__ import annotations

from protocol.message import Part
from services.run_folder import RunFolder


class Served(Part):
    """What the file says."""

    failed: str | None = None
    """Why it is given up."""


def write_served(folder: RunFolder, served: Served) -> None:
    """Write it, whole or not at all; the folder is made where there is none."""
    folder.root.mkdir(parents=True, exist_ok=True)
    draft = folder.served.with_suffix(".draft")
    draft.write_text(served.model_dump_json())
    draft.replace(folder.served)


def read_served(folder: RunFolder) -> Served | None:
    """None for a run that is no graph server's."""
    try:
        return Served.model_validate_json(folder.served.read_text())
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        return Served(failed=f"{folder.served} cannot be read: {error}")
