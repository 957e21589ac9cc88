"""The tool that searches the Hub's datasets."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import Field

from tools import hub_client
from tools.arguments import Arguments
from tools.excerpt import shortened
from tools.hub.found import MOST, SORTS, Sort, licence, tags, told, use
from tools.hub.services import INSTEAD, Tag
from tools.tool import Desk, Tool

if TYPE_CHECKING:
    from huggingface_hub import DatasetInfo

Size = Literal[
    "n<1K", "1K<n<10K", "10K<n<100K", "100K<n<1M", "1M<n<10M", "10M<n<100M", "100M<n<1B", "1B<n<10B",
    "10B<n<100B", "100B<n<1T", "n>1T",
]  # fmt: skip
SHOWN = ["downloads", "likes", "tags", "gated", "lastModified", "description"]
DESCRIPTION = 200


class SearchDatasets(Arguments):
    query: Annotated[str, Field(max_length=200)] = ""
    """Words in its name: `gsm8k`, `preference`. Few: all of them have to fit."""
    task: Tag | None = None
    """The Hub's task category: question-answering, text-generation, text-classification."""
    language: Tag | None = None
    """en, de, code."""
    size: Size | None = None
    """Rows."""
    licence: Tag | None = None
    """apache-2.0, mit, cc-by-4.0."""
    author: Tag | None = None
    """User or organisation: HuggingFaceH4."""
    sort: Sort = "trending"
    start: Annotated[int, Field(ge=0, lt=MOST)] = 0
    limit: Annotated[int, Field(ge=1, le=30)] = 10


async def _search(given: SearchDatasets, desk: Desk) -> str:
    wanted = min(MOST, given.start + given.limit + 1)  # one more tells whether there are further ones
    filters: dict[str, Any] = {
        "filter": f"license:{given.licence}" if given.licence else None,
        "task_categories": given.task,
        "language": given.language,
        "size_categories": given.size,
        "author": given.author,
        "search": given.query.strip() or None,
        "sort": SORTS[given.sort],
        "expand": SHOWN,
        "limit": wanted,
        "token": False,
    }
    found = await hub_client.ask(lambda api: list(api.list_datasets(**filters)), INSTEAD)
    return told("datasets", [_entry(one) for one in found[given.start :]], given.start, given.limit)


def _entry(one: DatasetInfo) -> str:
    facts = {
        "tasks": tags(one, "task_categories:")[:3],
        "language": tags(one, "language:")[:4],
        "size": tags(one, "size_categories:")[:1],
    }
    listed = "; ".join(f"{name} {', '.join(values)}" for name, values in facts.items() if values)
    about = shortened(one.description or "", DESCRIPTION)
    return f"- {one.id} ({use(one)}): licence {licence(one)}" + "".join(f"; {part}" for part in (listed, about) if part)


SEARCH_DATASETS = Tool(
    "search_datasets",
    "Searches datasets on the Hugging Face Hub by name, task, language, size, licence, author; with downloads, gates.",
    SearchDatasets,
    _search,
    outside=True,
)
