"""The tool that says what a dataset is: licence, gate, configurations and splits with their sizes, features, card."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import BaseModel, Field

from tools.arguments import Arguments
from tools.excerpt import shortened
from tools.hub import card, repository, viewer
from tools.hub.features import Features, feature
from tools.hub.found import licence, tags, use
from tools.hub.services import RepositoryId
from tools.service import Missing
from tools.tool import Desk, Tool, ToolFault

if TYPE_CHECKING:
    from huggingface_hub import DatasetInfo

SPLITS, COLUMNS = 40, 60
"""Told of a dataset, and of a configuration."""
NAME = 80
SECONDS = 120.0
LISTED = (
    ("tasks", "task_categories:"),
    ("language", "language:"),
    ("size", "size_categories:"),
    ("format", "format:"),
    ("papers", "arxiv:"),
)


class InspectDataset(Arguments):
    id: RepositoryId
    """owner/name: openai/gsm8k."""
    config: Annotated[str, Field(max_length=200)] | None = None
    """The configuration whose features are shown; None: the first."""


class Valid(BaseModel):
    """`/is-valid`"""

    viewer: bool = False
    preview: bool = False
    statistics: bool = False


class SplitSize(BaseModel):
    config: str
    split: str
    num_rows: int | None = None
    num_bytes_parquet_files: int | None = None


class Sizes(BaseModel):
    splits: list[SplitSize] = []


class Size(BaseModel):
    """`/size`"""

    size: Sizes
    partial: bool = False


class NamedSplit(BaseModel):
    config: str
    split: str


class Splits(BaseModel):
    """`/splits`"""

    splits: list[NamedSplit] = []


class DatasetDescription(BaseModel):
    features: Features | None = None


class Info(BaseModel):
    """`/info`"""

    dataset_info: DatasetDescription


async def _inspect(given: InspectDataset, desk: Desk) -> str:
    info = await repository.ask(lambda api: api.dataset_info(given.id), given.id, "dataset")
    name = info.id
    about, splits = await asyncio.gather(card.beginning(name, "dataset"), _splits(name))
    features = await _features(name, given.config, splits)
    shown = splits if isinstance(splits, str) else _listed(splits, await _sizes(name))
    return "\n".join([_head(info), shown, features, about])


def _head(info: DatasetInfo) -> str:
    facts = [f"{told}: {', '.join(tags(info, prefix)[:8])}" for told, prefix in LISTED if tags(info, prefix)]
    gate = {"auto": "yes, opened at once to who accepts", "manual": "yes, its author decides"}
    gated = gate.get(str(info.gated), "yes" if info.gated else "no")
    disabled = ["it is disabled: it cannot be loaded"] if info.disabled else []
    at = f"revision {info.sha[:12]}" if info.sha else ""
    head = f"{info.id} ({use(info)}) {at}".strip()
    return "\n".join([head, f"licence: {licence(info)}; gated: {gated}", *disabled, *facts])


async def _splits(name: str) -> list[NamedSplit] | str:
    """The splits, or why they are not known."""
    try:
        return (await viewer.ask("/splits", name, {}, Splits)).splits
    except ToolFault as error:
        return f"splits: {error}"


async def _sizes(name: str) -> Size | None:
    """None where the datasets server does not know them."""
    try:
        return await viewer.ask("/size", name, {}, Size)
    except ToolFault:
        return None


def _listed(splits: list[NamedSplit], sizes: Size | None) -> str:
    known = {(one.config, one.split): one for one in sizes.size.splits} if sizes else {}
    lines = []
    for one in splits[:SPLITS]:
        size = known.get((one.config, one.split))
        rows = f"{size.num_rows:,} rows" if size and size.num_rows is not None else "rows not counted"
        least = "at least " if sizes and sizes.partial and size else ""
        held = f", {size.num_bytes_parquet_files / 1e6:.1f} MB" if size and size.num_bytes_parquet_files else ""
        lines.append(f"- {shortened(one.config, NAME)} / {shortened(one.split, NAME)}: {least}{rows}{held}")
    more = [f"- and {len(splits) - SPLITS} more"] if len(splits) > SPLITS else []
    return "\n".join([f"configurations / splits ({len(splits)}):", *lines, *more])


async def _features(name: str, config: str | None, splits: list[NamedSplit] | str) -> str:
    first = splits[0].config if isinstance(splits, list) and splits else None
    wanted = config or first
    if wanted is None:
        return await _how_far(name)
    try:
        found = await viewer.ask("/info", name, {"config": wanted}, Info)
    except Missing as error:
        if config is None:
            return f"features: {error}"
        raise Missing(f"{name} has no configuration {config!r}: leave it out to see which there are") from error
    except ToolFault as error:
        return f"features: {error}"
    return _columns(wanted, found.dataset_info.features or {})


def _columns(config: str, features: dict[str, Any]) -> str:
    lines = [f"- {shortened(column, NAME)}: {feature(kind)}" for column, kind in list(features.items())[:COLUMNS]]
    more = [f"- and {len(features) - COLUMNS} more"] if len(features) > COLUMNS else []
    return "\n".join([f"features of {shortened(config, NAME)}:", *lines, *more])


async def _how_far(name: str) -> str:
    """What the datasets server can do at all with a dataset whose splits it does not name."""
    try:
        valid = await viewer.ask("/is-valid", name, {}, Valid)
    except ToolFault:
        return "rows: not to be seen (dataset_rows)"
    able = [what for what, can in (("first rows", valid.preview), ("rows", valid.viewer)) if can]
    return f"the datasets server shows: {', '.join(able) or 'nothing of it'}"


INSPECT_DATASET = Tool(
    "inspect_dataset",
    "What a dataset on the Hub is: licence, gated or not, configurations and splits with rows, features, its card.",
    InspectDataset,
    _inspect,
    seconds=SECONDS,
    outside=True,
)
