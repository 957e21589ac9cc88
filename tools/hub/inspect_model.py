"""The tool that says what a model is: architecture, size, context, chat template, licence, gate, base model, tags."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import Field

from tools.arguments import Arguments
from tools.excerpt import shortened
from tools.hub import card, repository
from tools.hub.found import licence, tags, use
from tools.hub.model_config import Config, architecture
from tools.hub.services import RepositoryId, Revision
from tools.service import Missing
from tools.tool import Desk, Tool, ToolFault

if TYPE_CHECKING:
    from huggingface_hub import ModelInfo

TEMPLATE = 1_500
TAGS = 30
SECONDS = 120.0
HIDDEN = ("base_model:", "license:", "dataset:", "arxiv:", "region:")
"""Tags that are told elsewhere, or say nothing."""


class InspectModel(Arguments):
    id: RepositoryId
    """owner/name: Qwen/Qwen3-1.7B-Base."""
    revision: Revision = "main"
    """Branch, tag or commit."""
    card: Annotated[bool, Field()] = False
    """Whether the first part of its card is shown too."""


async def _inspect(given: InspectModel, desk: Desk) -> str:
    revision = None if given.revision == "main" else given.revision
    info = await repository.ask(lambda api: api.model_info(given.id, revision=revision), given.id, "model")
    told = [_head(info), _size(info), await _config(info, given.revision), await _template(info, given.revision)]
    told += [_made_from(info), _tags(info)]
    if given.card:
        told.append(await card.beginning(info.id, "model", given.revision))
    return "\n".join(part for part in told if part)


def _head(info: ModelInfo) -> str:
    gated = "no" if not info.gated else f"yes ({info.gated})"
    at = f" revision {info.sha[:12]}" if info.sha else ""
    kind = ", ".join(part for part in (info.pipeline_tag, info.library_name) if part) or "not said"
    return f"{info.id} ({use(info)}){at}\nlicence: {licence(info)}; gated: {gated}; task and library: {kind}"


def _size(info: ModelInfo) -> str:
    if info.safetensors is None:
        return "parameters: not known (no safetensors metadata)"
    by_type = ", ".join(f"{count:,} {dtype}" for dtype, count in info.safetensors.parameters.items())
    return f"parameters: {info.safetensors.total:,} ({by_type})"


async def _config(info: ModelInfo, revision: str) -> str:
    """Architecture and context length from config.json."""
    try:
        answer = await repository.file(info.id, "model", "config.json", revision)
        return architecture(Config.model_validate_json(answer.content))
    except Missing:
        return "no config.json: it is not a transformers model" + (" (GGUF)" if info.gguf else "")
    except ToolFault as error:
        return f"config.json: {error}"
    except ValueError:
        return "config.json cannot be read"


async def _template(info: ModelInfo, revision: str) -> str:
    """Whether there is a chat template, and its first part."""
    text = _known_template(info) or await _template_file(info, revision)
    if text is None:
        return "chat template: none"
    cut = f"\n[{len(text) - TEMPLATE:,} more characters]" if len(text) > TEMPLATE else ""
    return f"chat template ({len(text):,} characters):\n{text[:TEMPLATE]}{cut}"


def _known_template(info: ModelInfo) -> str | None:
    """What the Hub has read from the tokenizer's configuration; of several templates the default one."""
    config: Any = info.config if isinstance(info.config, dict) else {}
    tokenizer = config.get("tokenizer_config")
    found = (tokenizer.get("chat_template") if isinstance(tokenizer, dict) else None) or config.get(
        "chat_template_jinja"
    )
    if isinstance(found, list):
        named = {one.get("name"): one.get("template") for one in found if isinstance(one, dict)}
        found = named.get("default") or next(iter(named.values()), None)
    return found if isinstance(found, str) else None


async def _template_file(info: ModelInfo, revision: str) -> str | None:
    files = {sibling.rfilename for sibling in info.siblings or ()}
    try:
        if "chat_template.jinja" in files:
            return (await repository.file(info.id, "model", "chat_template.jinja", revision)).text
        if "tokenizer_config.json" in files:
            held = json.loads((await repository.file(info.id, "model", "tokenizer_config.json", revision)).content)
            found = held.get("chat_template") if isinstance(held, dict) else None
            return found if isinstance(found, str) else None
    except (ToolFault, ValueError):
        return None
    return None


def _made_from(info: ModelInfo) -> str:
    bases = list(dict.fromkeys(tag.rpartition(":")[2] for tag in tags(info, "base_model:")))
    how = sorted({tag.partition(":")[0] for tag in tags(info, "base_model:") if ":" in tag})
    made = f"base model: {', '.join(bases[:5])}" + (f" ({', '.join(how)})" if how else "") if bases else ""
    data = tags(info, "dataset:")
    return "\n".join(line for line in (made, f"trained on: {', '.join(data[:15])}" if data else "") if line)


def _tags(info: ModelInfo) -> str:
    other = [tag for tag in info.tags or () if isinstance(tag, str) and not tag.startswith(HIDDEN)]
    return f"tags: {shortened(', '.join(other[:TAGS]), 800)}" if other else ""


INSPECT_MODEL = Tool(
    "inspect_model",
    "What a model on the Hub is: architecture, parameters, context length, chat template, licence, gate, base model.",
    InspectModel,
    _inspect,
    seconds=SECONDS,
    outside=True,
)
