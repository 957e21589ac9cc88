"""The tool that searches the Hub's models."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

from pydantic import Field

from tools import hub_client
from tools.arguments import Arguments
from tools.hub.found import MOST, SORTS, Sort, licence, tags, told, use
from tools.hub.services import INSTEAD, RepositoryId, Tag
from tools.tool import Desk, Tool

if TYPE_CHECKING:
    from huggingface_hub import ModelInfo

SHOWN = ["downloads", "likes", "tags", "gated", "lastModified", "pipeline_tag", "library_name", "safetensors"]
Count = Annotated[str, Field(pattern=r"^\d+(\.\d+)?[KMB]?$", max_length=12)]


class SearchModels(Arguments):
    query: Annotated[str, Field(max_length=200)] = ""
    """Words in its name: `Qwen3 Base`, `reward`. Few: all of them have to fit."""
    task: Tag | None = None
    """The Hub's task: text-generation, text-classification, feature-extraction."""
    library: Tag | None = None
    """transformers, peft, gguf, vllm."""
    language: Tag | None = None
    """en, de."""
    licence: Tag | None = None
    """apache-2.0, mit, llama3.1."""
    author: Tag | None = None
    """User or organisation: Qwen."""
    least_parameters: Count | None = None
    """500M, 1.5B."""
    most_parameters: Count | None = None
    """4B."""
    trained_on: RepositoryId | None = None
    """A dataset that its card names."""
    base_model: RepositoryId | None = None
    """Made from this model."""
    sort: Sort = "trending"
    start: Annotated[int, Field(ge=0, lt=MOST)] = 0
    limit: Annotated[int, Field(ge=1, le=30)] = 10


async def _search(given: SearchModels, desk: Desk) -> str:
    wanted = min(MOST, given.start + given.limit + 1)  # one more tells whether there are further ones
    bounds = {"min": given.least_parameters, "max": given.most_parameters}
    tagged = {"license:": given.licence, "": given.language, "base_model:": given.base_model}
    filters: dict[str, Any] = {
        "filter": [*(f"{prefix}{tag}" for prefix, tag in tagged.items() if tag), *filter(None, [given.library])],
        "num_parameters": ",".join(f"{name}:{count}" for name, count in bounds.items() if count) or None,
        "pipeline_tag": given.task,
        "trained_dataset": given.trained_on,
        "author": given.author,
        "search": given.query.strip() or None,
        "sort": SORTS[given.sort],
        "expand": SHOWN,
        "limit": wanted,
        "token": False,
    }
    found = await hub_client.ask(lambda api: list(api.list_models(**filters)), INSTEAD)
    return told("models", [_entry(one) for one in found[given.start :]], given.start, given.limit)


def _entry(one: ModelInfo) -> str:
    bases = tags(one, "base_model:")
    facts = [
        f"{one.safetensors.total:,} parameters" if one.safetensors else "",
        one.pipeline_tag or "",
        one.library_name or "",
        f"licence {licence(one)}",
        f"from {bases[0].rpartition(':')[2]}" if bases else "",
    ]
    return f"- {one.id} ({use(one)}): {'; '.join(fact for fact in facts if fact)}"


SEARCH_MODELS = Tool(
    "search_models",
    "Searches models on the Hugging Face Hub by name, task, library, licence, author, parameters, data, base model.",
    SearchModels,
    _search,
    outside=True,
)
