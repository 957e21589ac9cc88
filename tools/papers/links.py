"""The tools that go from a paper to the Hub: what is linked to it, and what it was trained on."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from tools.arguments import Arguments
from tools.papers import hub
from tools.papers.identifiers import PaperId, arxiv_id
from tools.service import Missing
from tools.tool import Desk, Tool

if TYPE_CHECKING:
    from huggingface_hub import DatasetInfo, ModelInfo
    from huggingface_hub.hf_api import PaperInfo

LOOKED_AT = 100
"""Models of a paper whose cards are looked at for what they were trained on: the most downloaded ones."""
SPACES = 10


class PaperLinks(Arguments):
    id: Annotated[str, Field(max_length=200)]
    """arXiv id."""
    limit: Annotated[int, Field(ge=1, le=50)] = 15
    """Of models, and of datasets."""


async def _page(paper: PaperId) -> PaperInfo | None:
    """None where the paper has no page of its own; repositories may name it all the same.

    It is asked for first, since the client tells at once that nobody answers here, and after 23 s when it lists."""
    try:
        return await hub.ask(lambda api: api.paper_info(str(paper.arxiv)))
    except Missing:
        return None


async def _models(paper: PaperId, limit: int) -> list[ModelInfo]:
    linked = f"arxiv:{paper.arxiv}"
    return await hub.ask(lambda api: list(api.list_models(filter=linked, sort="downloads", limit=limit, token=False)))


async def _datasets(paper: PaperId, limit: int) -> list[DatasetInfo]:
    linked = f"arxiv:{paper.arxiv}"
    return await hub.ask(lambda api: list(api.list_datasets(filter=linked, sort="downloads", limit=limit, token=False)))


async def _links(given: PaperLinks, desk: Desk) -> str:
    paper = arxiv_id(given.id)
    page = await _page(paper)
    models, datasets = await _models(paper, given.limit), await _datasets(paper, given.limit)
    spaces = [space.id for space in (page.linked_spaces or [])[:SPACES]] if page else []
    if not (models or datasets or page):
        return f"nothing on the Hub is linked to arXiv:{paper.arxiv}"
    counts = (page.num_total_models, page.num_total_datasets) if page else (None, None)
    told = [
        f"code: {page.github_repo}" if page and page.github_repo else "",
        f"project: {page.project_page}" if page and page.project_page else "",
        _told("models", [f"{one.id} ({_downloads(one)})" for one in models], counts[0]),
        _told("datasets", [f"{one.id} ({_downloads(one)}{_gate(one)})" for one in datasets], counts[1]),
        _told("spaces", spaces, None),
    ]
    return "\n".join(line for line in told if line)


async def _trained_on(given: PaperLinks, desk: Desk) -> str:
    """The cards of the paper's models name datasets and base models; the paper's own datasets name the paper."""
    paper = arxiv_id(given.id)
    page = await _page(paper)
    models, datasets = await _models(paper, LOOKED_AT), await _datasets(paper, given.limit)
    named = _count("dataset:", models)
    bases = Counter(name.rpartition(":")[2] for name in _count("base_model:", models).elements())
    for base in list(bases):  # `base_model:X` and `base_model:finetune:X` are said of the same model
        bases[base] = sum(any(tag.endswith(f":{base}") for tag in _tags(one, "base_model:")) for one in models)
    if not (named or bases or datasets):
        return (
            f"no model or dataset on the Hub says that it belongs to arXiv:{paper.arxiv}; look in its text (read_paper)"
        )
    ranked = named.most_common(given.limit)
    return "\n".join(
        [
            f"{len(models)} models on the Hub name arXiv:{paper.arxiv} (authors' own and others'). By their cards:",
            f"code: {page.github_repo}" if page and page.github_repo else "no code is linked",
            _told("trained on", [f"{name} (said by {count})" for name, count in ranked], None),
            _told("from base models", [f"{name} ({count})" for name, count in bases.most_common(given.limit)], None),
            _told(
                "datasets that name the paper", [f"{one.id} ({_downloads(one)}{_gate(one)})" for one in datasets], None
            ),
            "Ids alone prove nothing: the paper's own text says what it trained on, and in which mixture.",
        ]
    )


def _tags(model: ModelInfo, prefix: str) -> list[str]:
    return [tag for tag in model.tags or () if isinstance(tag, str) and tag.startswith(prefix)]


def _count(prefix: str, models: Iterable[ModelInfo]) -> Counter[str]:
    return Counter(tag.removeprefix(prefix) for model in models for tag in dict.fromkeys(_tags(model, prefix)))


def _downloads(one: ModelInfo | DatasetInfo) -> str:
    return f"{one.downloads or 0:,} downloads"


def _gate(one: DatasetInfo) -> str:
    return ", gated" if one.gated else ""


def _told(what: str, names: list[str], total: int | None) -> str:
    count = f" ({total} in all)" if total is not None and total > len(names) else ""
    return f"{what}{count}: {', '.join(names) or 'none'}"


PAPER_LINKS = Tool(
    "paper_links",
    "What is linked to a paper on the Hugging Face Hub: models, datasets, spaces, code repository, project page.",
    PaperLinks,
    _links,
    outside=True,
)
PAPER_DATASETS = Tool(
    "paper_datasets",
    "What a paper trained on, as far as the Hub knows: datasets and base models that its models' cards name, and the "
    "datasets that name the paper.",
    PaperLinks,
    _trained_on,
    outside=True,
)
