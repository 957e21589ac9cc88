"""A repository's card (README.md) as a reader sees it. https://huggingface.co/docs/hub/model-cards"""

from __future__ import annotations

import re

from tools.documents.document import visible
from tools.hub import repository
from tools.hub.services import Kind
from tools.service import Missing
from tools.tool import ToolFault

METADATA = re.compile(r"\A---\s*\n.*?\n---\s*(\n|\Z)", re.DOTALL)
COMMENT = re.compile(r"<!--.*?-->", re.DOTALL)
BEGINNING = 2_500


async def beginning(name: str, kind: Kind, revision: str = "main") -> str:
    """The first part of the card, without its metadata and comments; in one line where it cannot be had."""
    try:
        answer = await repository.file(name, kind, "README.md", revision)
    except Missing:
        return "it has no card"
    except ToolFault as error:
        return f"the card cannot be read: {error}"
    text = visible(COMMENT.sub("", METADATA.sub("", answer.text))).strip()
    if not text:
        return "its card is empty"
    rest = "\n[the card goes on: read_hub_file README.md]" if len(text) > BEGINNING or answer.cut else ""
    return f"card:\n{text[:BEGINNING]}{rest}"
