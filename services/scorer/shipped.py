"""What stands beside the weights in `final_model/`: how the model is prompted and decoded. Written by `ship`, read by
`final_test`, so that what is scored is what ships, and by whoever uses the model.

`generation_config.json` is what inference engines read. `prompt.json` is what they have no place for.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from protocol.benchmark import kind_of
from protocol.message import Part
from protocol.score import Decoding
from services.scorer.files import write_whole
from services.scorer.items import Shot

GENERATION_CONFIG = "generation_config.json"
GREEDY_TEMPERATURE = 0.0
"""vLLM and its like know no `do_sample` and would sample at 1.0; transformers ignores it where `do_sample` is false."""


class ShippedPrompt(Part):
    """`prompt.json`. The model is asked `prefix` + `prompt`, and its answer ends at the first of `stop`. Where `metric`
    is a benchmark, this is how it was trained, and the benchmark says how it is asked."""

    prompt: str
    """`str.format` template over a row's columns."""
    answer: str
    stop: tuple[str, ...]
    shots: tuple[Shot, ...]
    """Worked examples. Where a prompt does not fit the context behind all of them, the first are left out."""
    prefix: str
    """The same as one text: prompt and answer of each example, a newline after each."""
    metric: str
    base_model: str
    candidate: str

    @classmethod
    def load(cls, folder: Path) -> ShippedPrompt:
        return cls.model_validate_json((folder / "prompt.json").read_text(encoding="utf-8"))

    def save(self, folder: Path) -> None:
        write_whole(folder / "prompt.json", self.model_dump_json(indent=2) + "\n")


def write_generation_config(folder: Path, decoding: Decoding, eos: Sequence[int], pad: int) -> None:
    """`generation_config.json` says everything, so that no engine's default takes part; but for a benchmark, which
    says itself how long an answer may be: it would be cut short by what stands here.

    `top_k` 0 is "all tokens"; transformers' own default, where nothing is said, would be 50.
    """
    said: dict[str, object] = {
        "do_sample": decoding.do_sample,
        "temperature": decoding.temperature if decoding.do_sample else GREEDY_TEMPERATURE,
        "top_p": decoding.top_p if decoding.do_sample else 1.0,
        "max_new_tokens": decoding.max_new_tokens,
        "eos_token_id": list(eos) if len(eos) > 1 else next(iter(eos), None),
        "pad_token_id": pad,
    }
    if decoding.do_sample:
        said["top_k"] = 0
    if decoding.benchmark is not None:
        del said["max_new_tokens"]
    write_whole(folder / GENERATION_CONFIG, json.dumps(said, indent=2) + "\n")


def read_decoding(folder: Path) -> tuple[Decoding, ShippedPrompt]:
    """How the model in `folder` says that it is to be used."""
    prompt = ShippedPrompt.load(folder)
    if kind_of(prompt.metric):
        return Decoding(benchmark=prompt.metric, stop=()), prompt
    said: dict[str, Any] = json.loads((folder / GENERATION_CONFIG).read_text(encoding="utf-8"))
    sampled = bool(said["do_sample"])
    decoding = Decoding(
        do_sample=sampled,
        temperature=said["temperature"] if sampled else 1.0,
        top_p=said["top_p"],
        max_new_tokens=said["max_new_tokens"],
        shots=len(prompt.shots),
        stop=prompt.stop,
    )
    return decoding, prompt
