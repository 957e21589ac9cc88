"""One held-out item and one worked example, and how they are read back. Used by all that scores or ships."""

from __future__ import annotations

from pathlib import Path

from pydantic import TypeAdapter

from protocol.message import Part


class Shot(Part):
    """A worked example: what is asked, and the right answer, both rendered."""

    prompt: str
    answer: str

    @property
    def text(self) -> str:
        """As it stands before a prompt."""
        return f"{self.prompt}{self.answer}\n"


class Item(Shot):
    """A row of a held-out split: prompt and answer rendered, and the row that they were rendered from."""

    row: dict[str, object]


_ITEM, _SHOT = TypeAdapter(Item), TypeAdapter(Shot)


def read_items(path: Path) -> list[Item]:
    """Raises `OSError` and pydantic's `ValidationError`."""
    return [_ITEM.validate_json(line) for line in path.read_text(encoding="utf-8").split("\n") if line]


def read_shots(path: Path) -> list[Shot]:
    return [_SHOT.validate_json(line) for line in path.read_text(encoding="utf-8").split("\n") if line]
