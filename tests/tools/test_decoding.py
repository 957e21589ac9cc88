"""One decoding in the words of two engines."""

from __future__ import annotations

import json
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st
from transformers import GenerationConfig

from protocol.score import Decoding
from services.scorer.shipped import ShippedPrompt, read_decoding, write_generation_config
from tools.decoding import for_transformers, for_vllm

EOS, PAD = (2, 7), 0
DECODINGS = st.builds(
    Decoding,
    do_sample=st.booleans(),
    temperature=st.floats(0.05, 2.0),
    top_p=st.floats(0.05, 1.0),
    max_new_tokens=st.integers(1, 4096),
    shots=st.integers(0, 8),
    stop=st.tuples(st.text(min_size=1, max_size=3), st.text(max_size=3)),
)
SAID_BY = {"do_sample", "temperature", "top_p", "max_new_tokens"}
"""Fields that both engines are told …"""
ELSEWHERE = {"stop", "shots", "benchmark"}
"""… and those that only one is told, since the texts of both are cut at the stop strings, that are in the prompt, or
that say that a benchmark decodes by itself."""


def test_every_field_of_a_decoding_is_accounted_for() -> None:
    assert set(Decoding.model_fields) == SAID_BY | ELSEWHERE


@given(DECODINGS, st.integers(1, 8))
def test_both_engines_are_told_the_same(decoding: Decoding, samples: int) -> None:
    said = decoding.model_dump(include=SAID_BY)
    theirs = for_transformers(**said, eos_token_ids=EOS, pad_token_id=PAD, samples=samples)
    ours = for_vllm(**said, eos_token_ids=EOS, stop=decoding.stop, samples=samples, seed=3)
    assert (ours["temperature"] == 0.0) is (not theirs["do_sample"]) is (not decoding.do_sample)
    if decoding.do_sample:
        assert ours["temperature"] == theirs["temperature"] == decoding.temperature
        assert ours["top_p"] == theirs["top_p"] == decoding.top_p
        assert theirs["top_k"] == 0 and ours["top_k"] == -1  # in each one's words: all tokens
    else:
        assert "temperature" not in theirs and ours["top_p"] == 1.0
    assert ours["max_tokens"] == theirs["max_new_tokens"] == decoding.max_new_tokens
    assert ours["stop_token_ids"] == theirs["eos_token_id"] == list(EOS)
    assert ours["n"] == theirs["num_return_sequences"] == samples
    assert ours["stop"] == [mark for mark in decoding.stop if mark]
    assert (ours["repetition_penalty"], ours["min_p"]) == (1.0, 0.0)  # what transformers does where nothing is said


@given(DECODINGS)
def test_transformers_takes_what_it_is_told_and_would_warn_of_nothing(decoding: Decoding) -> None:
    said = for_transformers(**decoding.model_dump(include=SAID_BY), eos_token_ids=EOS, pad_token_id=PAD)
    settings = GenerationConfig(**said)
    settings.validate(strict=True)
    assert settings.do_sample is decoding.do_sample and settings.eos_token_id == list(EOS)


@given(DECODINGS)
def test_what_ships_drives_both_engines_like_what_was_scored(decoding: Decoding) -> None:
    """Through `generation_config.json` and `prompt.json`, as the final test reads them."""
    from tempfile import TemporaryDirectory

    with TemporaryDirectory() as name:
        folder = Path(name)
        write_generation_config(folder, decoding, EOS, PAD)
        shipped = ShippedPrompt(
            prompt="{q}",
            answer="{a}",
            stop=decoding.stop,
            shots=(),
            prefix="",
            metric="m",
            base_model="b",
            candidate="c",
        )
        shipped.save(folder)
        read, _ = read_decoding(folder)
        said = json.loads((folder / "generation_config.json").read_text())
    for one in (decoding, read):
        asked = one.model_dump(include=SAID_BY)
        ours = for_vllm(**asked, eos_token_ids=EOS, stop=one.stop)
        assert (ours["temperature"], ours["max_tokens"]) == (said["temperature"], said["max_new_tokens"])
        assert ours["top_p"] == said["top_p"] and ours["stop_token_ids"] == said["eos_token_id"]
        assert ours["stop"] == [mark for mark in decoding.stop if mark]
