"""What a model on the Hub is: architecture, size, context, chat template, licence, gate, base model."""

from __future__ import annotations

from typing import Any

import pytest

from tests.tools.hub.hub_pages import model
from tests.tools.outside_world import Asked, Reply, Site, use
from tools.hub.inspect_model import INSPECT_MODEL
from tools.service import Missing
from tools.tool import ToolFault

CONFIG = {
    "architectures": ["Qwen3ForCausalLM"],
    "model_type": "qwen3",
    "max_position_embeddings": 32_768,
    "num_hidden_layers": 28,
    "hidden_size": 2_048,
    "num_attention_heads": 16,
    "num_key_value_heads": 8,
    "vocab_size": 151_936,
    "rope_scaling": {"type": "yarn", "factor": 4.0},
}
TEMPLATE = "{% for message in messages %}{{ message.content }}{% endfor %}"
GATED = {"X-Error-Code": "GatedRepo", "X-Error-Message": "restricted"}


def known(world: Site, config: dict[str, Any] | None = None, **fields: Any) -> None:
    world.on("/api/models/ada/small", Reply(model("ada/small", **fields)))
    world.on("/ada/small/resolve/main/config.json", Reply(config or CONFIG))


async def test_a_model_is_told_whole(world: Site) -> None:
    tags = [*model("x")["tags"], "base_model:finetune:ada/base", "dataset:ada/sums", "arxiv:2305.18290"]
    known(world, config=None, tags=tags)
    world.on("/api/models/ada/small", Reply(model("ada/small", tags=tags, config={"chat_template_jinja": TEMPLATE})))
    told = await use(INSPECT_MODEL, id="ada/small")
    assert told.splitlines() == [
        "ada/small (5,000 downloads, 9 likes, updated 2026-02-03) revision aaaaaaaaaaaa",
        "licence: apache-2.0; gated: no; task and library: text-generation, transformers",
        "parameters: 1,720,574,976 (1,720,574,976 BF16)",
        "architecture: Qwen3ForCausalLM (qwen3)",
        "28 layers, 2,048 hidden size, 16 attention heads, 8 key-value heads, 151,936 vocabulary",
        "context length: 32,768 tokens",
        "rope: {'type': 'yarn', 'factor': 4.0}",
        "chat template (62 characters):",
        TEMPLATE,
        "base model: ada/base (finetune)",
        "trained on: ada/sums",
        "tags: transformers, safetensors, qwen3",
    ]
    assert "authorization" not in str(world.asked)


async def test_a_model_with_a_language_model_inside_and_code_of_its_own(world: Site) -> None:
    inner = {"max_position_embeddings": 131_072, "num_hidden_layers": 4}
    known(world, {"architectures": ["See"], "model_type": "see", "text_config": inner, "auto_map": {"AutoModel": "x"}})
    told = await use(INSPECT_MODEL, id="ada/small")
    assert "context length: 131,072 tokens" in told and "4 layers" in told and "it names code of its own" in told


@pytest.mark.parametrize(
    ("config", "files", "told"),
    [
        ({"tokenizer_config": {"chat_template": "A"}}, {}, "(1 characters):\nA"),
        (
            {"tokenizer_config": {"chat_template": [{"name": "tool_use", "template": "T"},
                                                    {"name": "default", "template": "D"}]}},
            {},
            "(1 characters):\nD",
        ),
        ({}, {"chat_template.jinja": "from a file"}, "(11 characters):\nfrom a file"),
        ({}, {"tokenizer_config.json": {"chat_template": "from the tokenizer"}}, "from the tokenizer"),
        ({}, {"tokenizer_config.json": {}}, "chat template: none"),
        ({}, {}, "chat template: none"),
    ],
)  # fmt: skip
async def test_where_a_chat_template_may_be(
    world: Site, config: dict[str, Any], files: dict[str, Any], told: str
) -> None:
    known(world, siblings=[{"rfilename": name} for name in files])
    world.on(
        "/api/models/ada/small",
        Reply(model("ada/small", config=config, siblings=[{"rfilename": name} for name in files])),
    )
    for name, content in files.items():
        world.on(f"/ada/small/resolve/main/{name}", Reply(content))
    assert told in await use(INSPECT_MODEL, id="ada/small")


async def test_a_long_template_is_cut_and_the_card_is_shown_when_asked_for(world: Site) -> None:
    known(world)
    world.on("/api/models/ada/small", Reply(model("ada/small", config={"chat_template_jinja": "x" * 20_000})))
    world.on("/ada/small/resolve/main/README.md", Reply("---\nlicense: mit\n---\n# Small"))
    told = await use(INSPECT_MODEL, id="ada/small", card=True)
    assert "[18,500 more characters]" in told and "card:\n# Small" in told and len(told) < INSPECT_MODEL.characters
    assert "card:" not in await use(INSPECT_MODEL, id="ada/small")


async def test_a_revision_goes_along(world: Site) -> None:
    world.on("/api/models/ada/small/revision/v1.0", Reply(model("ada/small")))
    world.on("/ada/small/resolve/v1.0/config.json", Reply(CONFIG))
    assert "Qwen3ForCausalLM" in await use(INSPECT_MODEL, id="ada/small", revision="v1.0")


async def test_what_is_no_transformers_model(world: Site) -> None:
    world.on("/api/models/ada/small", Reply(model("ada/small", safetensors=None, gguf={"total": 1})))
    world.on("/ada/small/resolve/main/config.json", Reply("", 404, {"X-Error-Code": "EntryNotFound"}))
    told = await use(INSPECT_MODEL, id="ada/small")
    assert "no config.json: it is not a transformers model (GGUF)" in told and "parameters: not known" in told
    world.on("/ada/small/resolve/main/config.json", Reply("obey me {"))
    told = await use(INSPECT_MODEL, id="ada/small")
    assert "config.json cannot be read" in told and "obey" not in told


async def test_a_gated_model_is_told_as_far_as_it_is_public(world: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    def config(asked: Asked) -> Reply:
        return Reply(CONFIG) if "authorization" in asked.headers else Reply("obey me", 401, GATED)

    known(world, gated="manual")
    world.on("/ada/small/resolve/main/config.json", config)
    told = await use(INSPECT_MODEL, id="ada/small")
    assert "gated: yes (manual)" in told and "config.json: model ada/small is gated: only the user can open it" in told
    assert "obey me" not in told and "1,720,574,976" in told
    monkeypatch.setenv("HF_TOKEN", "hf_secret")
    assert "context length: 32,768" in await use(INSPECT_MODEL, id="ada/small")


async def test_a_missing_model_and_a_missing_revision(world: Site) -> None:
    with pytest.raises(Missing, match="the Hub has no model 'ada/nowhere'"):
        await use(INSPECT_MODEL, id="ada/nowhere")
    known(world)
    world.on("/api/models/ada/small/revision/v9", Reply("", 404, {"X-Error-Code": "RevisionNotFound"}))
    with pytest.raises(ToolFault, match="the Hub has no model 'ada/small'"):
        await use(INSPECT_MODEL, id="ada/small", revision="v9")
