"""Batched answers equal those given one by one; few-shot prompts fit the context; broken models are told apart."""

from __future__ import annotations

import json
import logging
import warnings
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from laboratory import GREEDY, build_model, one_by_one, questions

from protocol.score import Decoding
from services.scorer import generate, loading
from services.scorer.items import Shot
from services.scorer.prompting import fit
from services.scorer.shared_prefix import common_prefix, read_once
from tools.metrics import cut

PROMPTS = [f"{question} =" for question in questions("dev")]
SHOTS = [Shot(prompt=f"a{number} =", answer="b") for number in range(3)]


@pytest.fixture(scope="module")
def loaded(model: Path) -> loading.LoadedModel:
    return loading.load(model)


def test_left_padded_batches_answer_like_one_by_one(loaded: loading.LoadedModel, model: Path) -> None:
    batched = generate.answers(loaded, PROMPTS, (), GREEDY)
    assert batched == one_by_one(model, PROMPTS)
    assert len(set(batched)) > 10, "the model must say different things, or this tests nothing"


def test_worked_examples_stand_before_the_prompt(loaded: loading.LoadedModel, model: Path) -> None:
    prefix = "a0 =b\na1 =b\na2 =b\n"
    shown = generate.answers(loaded, PROMPTS, SHOTS, GREEDY)
    assert shown == one_by_one(model, [prefix + prompt for prompt in PROMPTS])
    assert shown != generate.answers(loaded, PROMPTS, (), GREEDY)


def test_what_all_prompts_begin_with_is_read_once(loaded: loading.LoadedModel) -> None:
    batch = [[*range(4, 24), 30 + row] for row in range(5)]
    assert common_prefix(batch) == 20
    cache = read_once(loaded.model, batch[0][:20], 5, loaded.device)
    assert cache is not None
    assert (cache.get_seq_length(), cache.layers[0].keys.shape[0]) == (20, 5)
    assert common_prefix([batch[0][:20], *batch]) == 19, "a token of each must be left to be read"
    assert common_prefix(batch[:3]) == 0, "not worth while for three"


def test_a_model_with_sliding_windows_is_read_row_by_row(model: Path) -> None:
    from transformers import MistralConfig, MistralForCausalLM

    config = MistralConfig(
        vocab_size=46, hidden_size=8, intermediate_size=8, num_hidden_layers=1, num_attention_heads=1,
        num_key_value_heads=1, sliding_window=8,
    )  # fmt: skip
    sliding = MistralForCausalLM(config).eval()
    assert read_once(sliding, range(4, 24), 5, sliding.device) is None


@given(st.integers(1, 60), st.integers(0, 5), st.integers(0, 40))
def test_examples_are_left_out_whole_until_the_prompt_fits(room: int, shots: int, length: int) -> None:
    examples = [Shot(prompt=chr(ord("a") + n) * 3, answer="!") for n in range(shots)]
    encode = lambda texts: [[ord(c) for c in text] for text in texts]  # noqa: E731
    (ids,) = fit(["?" * length], examples, room, encode)
    text = "".join(map(chr, ids))
    assert len(ids) <= room
    kept = text.count("!")
    assert text == ("".join(shot.text for shot in examples[shots - kept :]) + "?" * length)[-room:]
    if kept < shots:  # one more would not have fitted
        assert 5 * (kept + 1) + length > room


def test_a_batch_that_mixes_fitting_and_too_long_prompts_keeps_its_order(loaded: loading.LoadedModel) -> None:
    prompts = ["short =", "x" * 115 + " =", "y" * 300 + " =", "middle =" * 4]
    together = generate.answers(loaded, prompts, SHOTS, GREEDY)
    assert together == [generate.answers(loaded, [prompt], SHOTS, GREEDY)[0] for prompt in prompts]


def test_sampling_is_seeded(loaded: loading.LoadedModel) -> None:
    warm = Decoding(do_sample=True, temperature=1.5, top_p=0.95, max_new_tokens=6)
    first = generate.answers(loaded, PROMPTS, (), warm)
    assert first == generate.answers(loaded, PROMPTS, (), warm)
    assert first != generate.answers(loaded, PROMPTS, (), warm.model_copy(update={"do_sample": False}))


def test_what_the_model_says_of_its_own_decoding_takes_no_part(model: Path, tmp_path: Path) -> None:
    spoilt = build_model(tmp_path / "spoilt")
    own = json.loads((spoilt / "generation_config.json").read_text())
    own |= {"repetition_penalty": 3.0, "do_sample": True, "temperature": 2.0, "top_k": 7, "max_length": 30}
    (spoilt / "generation_config.json").write_text(json.dumps(own))
    assert generate.answers(loading.load(spoilt), PROMPTS, (), GREEDY) == one_by_one(model, PROMPTS)


def test_transformers_has_nothing_to_warn_of(loaded: loading.LoadedModel) -> None:
    from transformers.utils import logging as transformers_logging

    records: list[logging.LogRecord] = []
    ear = logging.Handler()
    ear.emit = records.append  # type: ignore[method-assign]
    logger = transformers_logging.get_logger("transformers")
    logger.addHandler(ear)
    transformers_logging.set_verbosity_warning()
    transformers_logging.warning_once.cache_clear()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            for decoding in (GREEDY, Decoding(do_sample=True, temperature=0.7, top_p=0.9, max_new_tokens=3)):
                generate.answers(loaded, PROMPTS[:3], SHOTS, decoding)
    finally:
        transformers_logging.set_verbosity_error()
        logger.removeHandler(ear)
    assert [record.getMessage() for record in records] == []


def test_answers_are_cut_as_rewards_are(loaded: loading.LoadedModel) -> None:
    whole = generate.answers(loaded, PROMPTS, (), GREEDY.model_copy(update={"stop": ()}))
    first, later = whole[0][0], whole[1][2]
    for stops in [(first,), (later, first), ("", later), ("no such text",)]:
        cuts = generate.answers(loaded, PROMPTS, (), GREEDY.model_copy(update={"stop": stops}))
        assert cuts == [cut(text, stops) for text in whole]
    assert cut(whole[0], (first,)) == "", "an answer that begins with a stop string is empty"


@pytest.mark.parametrize("poison", [float("nan"), float("inf")])
def test_weights_that_are_not_finite_are_refused(tmp_path: Path, poison: float) -> None:
    with pytest.raises(loading.ModelBroken, match=r"up_proj.*NaN or infinity"):
        loading.load(build_model(tmp_path / "bad", poison=poison))


def test_a_model_with_a_weight_missing_is_refused(tmp_path: Path) -> None:
    from safetensors.torch import load_file, save_file

    path = build_model(tmp_path / "part") / "model.safetensors"
    weights = load_file(path)
    del weights["model.layers.1.mlp.up_proj.weight"]
    save_file(weights, path, metadata={"format": "pt"})
    with pytest.raises(loading.ModelBroken, match="weights are missing"):
        loading.load(path.parent)
