"""The tiny base model's recipe, its text and its tokenizer; the making itself is timed by the demo."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from pathlib import Path
from random import Random
from types import ModuleType

import pytest


@pytest.fixture(scope="module")
def make(example: Callable[[str], ModuleType]) -> ModuleType:
    return example("tiny/make.py")


def made(make: ModuleType, out: Path, seed: int = 0) -> None:
    make.main(argparse.Namespace(out=out, seed=seed))


@pytest.fixture(scope="module")
def model(make: ModuleType, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The model after one step of pretraining on a little text: whole, though it knows nothing."""
    out = tmp_path_factory.mktemp("tiny") / "model"
    patch = pytest.MonkeyPatch()
    patch.setattr(make, "STEPS", 1)
    patch.setattr(make, "python_text", lambda: iter(["The quick brown fox writes March 3, 1997 and 12+7-3. " * 40]))
    made(make, out)
    patch.undo()
    return out


def test_the_almanac_is_the_same_for_the_same_seed(make: ModuleType) -> None:
    first, second, other = (list(make.almanac(Random(seed), ["a", "b"], 50)) for seed in (1, 1, 2))
    assert first == second != other


def test_the_almanac_answers_no_example(make: ModuleType, example: Callable[[str], ModuleType]) -> None:
    text = "\n".join(make.almanac(Random(0), ["word"], 5000))
    dates = example("dates/generate.py")
    assert not any(row["text"] in text and row["iso"] in text for row in dates.generate("test", 1000, seed=0))
    sums = example("sums/generate.py")
    assert not any(f"{row['text']} = {row['answer']}" in text for row in sums.generate("test", 1000, seed=0))


def test_every_digit_is_a_token_and_an_answer_tokenises_the_same_joined_or_apart(model: Path) -> None:
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(model)
    assert all(len(token.strip("Ġ")) == 1 for token in tokenizer.tokenize("19970304") if token != "Ġ")
    pairs = [("3rd of March 1997 ->", " 1997-03-03"), ("12+7-3 =", " 19-3 = 16"), ("my card? ->", " card_arrival")]
    for prompt, answer in pairs:
        apart = tokenizer(prompt)["input_ids"] + tokenizer(answer)["input_ids"]
        assert tokenizer(prompt + answer)["input_ids"] == apart
        assert tokenizer.decode(apart) == prompt + answer
    assert tokenizer.eos_token_id not in tokenizer("no end is added silently")["input_ids"]


def test_the_model_decodes_greedily_and_stops_at_its_eos(model: Path) -> None:
    settings = json.loads((model / "generation_config.json").read_text())
    assert settings["do_sample"] is False
    assert (settings["pad_token_id"], settings["eos_token_id"]) == (0, 1)
    assert (model / "model.safetensors").stat().st_size < 8_000_000


def test_made_again_with_the_same_settings_it_does_nothing(make: ModuleType, model: Path) -> None:
    before = (model / "model.safetensors").stat().st_mtime_ns
    made(make, model)
    assert (model / "model.safetensors").stat().st_mtime_ns == before
    assert [path.name for path in model.parent.iterdir()] == ["model"], "nothing is left beside it"
