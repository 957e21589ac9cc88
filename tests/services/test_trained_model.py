"""Whether what a job left is a whole model, and nothing that would be dangerous to load."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from services import trained_model
from services.trained_model import what_is_missing


def write_model(path: Path, *, cut: int = 0, **config: Any) -> Path:
    path.mkdir(parents=True, exist_ok=True)
    (path / "config.json").write_text(json.dumps(config))
    header = json.dumps({"w": {"dtype": "F32", "shape": [4], "data_offsets": [0, 16]}}).encode()
    data = len(header).to_bytes(8, "little") + header + bytes(16)
    (path / "model.safetensors").write_bytes(data[: len(data) - cut])
    return path


@pytest.fixture
def model(tmp_path: Path) -> Path:
    return write_model(tmp_path / "model")


def test_a_whole_model_lacks_nothing(model: Path) -> None:
    assert what_is_missing(model) is None


def test_each_missing_part_of_a_model_is_named(tmp_path: Path) -> None:
    model = tmp_path / "model"
    assert what_is_missing(model) == "no folder model"
    model.mkdir()
    assert what_is_missing(model) == "no model/config.json"
    (model / "config.json").write_text("{}")
    assert what_is_missing(model) == "no weights (*.safetensors) in model"
    write_model(model, cut=3)
    assert what_is_missing(model) == "model/model.safetensors is cut short"
    write_model(model)
    (model / "model.safetensors.index.json").write_text('{"weight_map": {"w": "model-00002.safetensors"}}')
    assert what_is_missing(model) == "no model/model-00002.safetensors"


def test_what_a_trainer_leaves_beside_it_is_no_harm(model: Path) -> None:
    (model / "checkpoint-10").mkdir()
    (model / "checkpoint-10" / "optimizer.pt").symlink_to("/nowhere")
    (model / "training_args.bin").write_bytes(b"pickled")
    (model / "trainer_state.json").write_text('{"best_model_checkpoint": "/a/b"}')
    (model / "notes.json").write_text("no JSON at all")
    config = {"name_or_path": "/models/base", "eos_token": "</s>", "extra_special_tokens": ["/think", "../x"]}
    (model / "tokenizer_config.json").write_text(json.dumps(config))
    assert what_is_missing(model) is None


def linked(model: Path) -> None:
    model.rename(model.with_name("elsewhere"))
    model.symlink_to(model.with_name("elsewhere"))


def with_link(name: str) -> Callable[[Path], None]:
    def change(model: Path) -> None:
        (model.parent / "sealed").write_text("secret")
        (model / name).unlink(missing_ok=True)
        (model / name).symlink_to(model.parent / "sealed")

    return change


def with_hard_link(model: Path) -> None:
    os.link(model / "model.safetensors", model.parent / "other")


def with_fifo(name: str) -> Callable[[Path], None]:
    def change(model: Path) -> None:
        (model / name).parent.mkdir(exist_ok=True)
        os.mkfifo(model / name)

    return change


def with_files(model: Path) -> None:
    for number in range(trained_model._MOST_FILES):
        (model / f"{number}.txt").touch()


def with_sparse_weights(model: Path) -> None:
    """As long as its header says: eight exabytes less a bit."""
    size = 1 << 43
    header = json.dumps({"w": {"dtype": "F32", "shape": [size // 4], "data_offsets": [0, size]}}).encode()
    with (model / "model.safetensors").open("wb") as file:
        file.write(len(header).to_bytes(8, "little") + header)
        file.truncate(8 + len(header) + size)


def with_header(header: bytes, length: int | None = None) -> Callable[[Path], None]:
    def change(model: Path) -> None:
        with (model / "model.safetensors").open("wb") as file:
            file.write((length or len(header)).to_bytes(8, "little") + header)
            file.truncate(max(8 + (length or 0), 8 + len(header)))

    return change


def with_large_json(model: Path) -> None:
    with (model / "tokenizer.json").open("wb") as file:
        file.truncate(1 << 30)


def with_index(target: str) -> Callable[[Path], None]:
    def change(model: Path) -> None:
        (model / "model.safetensors.index.json").write_text(json.dumps({"weight_map": {"w": target}}))

    return change


def with_text(text: str) -> Callable[[Path], None]:
    def change(model: Path) -> None:
        (model / "config.json").write_text(text)

    return change


def with_config(name: str = "config.json", /, **said: Any) -> Callable[[Path], None]:
    def change(model: Path) -> None:
        (model / name).write_text(json.dumps(said))

    return change


def a_file(model: Path) -> None:
    model.rename(model.with_name("elsewhere"))
    model.write_text("")


TOKENIZER = "tokenizer_config.json"
HARMFUL: dict[str, tuple[Callable[[Path], None], str]] = {
    "the folder is a link": (linked, "is no folder but a link"),
    "weights are a link": (with_link("model.safetensors"), "is a link"),
    "configuration is a link": (with_link("config.json"), "is a link"),
    "some other file is a link": (with_link("chat_template.jinja"), "is a link"),
    "a file of two names": (with_hard_link, "one file under 2 names"),
    "a FIFO": (with_fifo("generation_config.json"), "no regular file"),
    "a FIFO among chat templates": (with_fifo("additional_chat_templates/a.jinja"), "no regular file"),
    "a file in place of the folder": (a_file, "no folder"),
    "very many files": (with_files, "more than 2000 files"),
    "weights of eight terabytes": (with_sparse_weights, "more than any model has"),
    "a header without end": (with_header(b"{}", 1 << 40), "is cut short"),
    "a header that is none": (with_header(b"nonsense"), "cannot be read"),
    "a header nested without end": (with_header(b"[" * 100_000), "cannot be read"),
    "a header of strange numbers": (with_header(b'{"w": {"shape": ["x"], "data_offsets": [0, 0]}}'), "cannot be read"),
    "a gigabyte of JSON": (with_large_json, "1,073,741,824 bytes"),
    "shards elsewhere": (with_index("../base/model.safetensors"), "no model/../base"),
    "shards at the root": (with_index("/etc/passwd"), "no model//etc/passwd"),
    "code of its own": (with_config(auto_map={"AutoModelForCausalLM": "evil.Model"}), "names code"),
    "code of its own, deeper": (with_config(text_config={"auto_map": {"AutoConfig": "evil.C"}}), "names code"),
    "code of its tokenizer": (with_config(TOKENIZER, auto_map={"AutoTokenizer": ["e.T", None]}), "names code"),
    "code for its generation": (with_config("generation_config.json", custom_generate="org/evil"), "names code"),
    "a kernel from the Hub": (with_config(attn_implementation="org/evil"), "names code from the Hub"),
    "kernels by part": (with_config(_attn_implementation={"text": "org/evil@main"}), "names code"),
    "weights of another name": (with_config(transformers_weights="../x.safetensors"), "names code or weights"),
    "an adapter": (with_config("adapter_config.json", base_model_name_or_path="/etc"), "an adapter of another model"),
    "a vocabulary elsewhere": (with_config(TOKENIZER, vocab_file="/run/sealed/test.jsonl"), "a file elsewhere"),
    "a vocabulary above": (with_config(TOKENIZER, fast_tokenizer_files=["../../x.json"]), "a file elsewhere"),
    "a vocabulary at home": (with_config(TOKENIZER, merges_file="~/.netrc"), "a file elsewhere"),
    "a strange quantization": (with_config(quantization_config={"quant_method": "evil"}), "asks for quantization"),
    "a configuration that is none": (with_text("[1]"), "no JSON object"),
    "a configuration nested without end": (with_text('{"a":' * 5000 + "1" + "}" * 5000), "cannot be read"),
    "a number of five thousand digits": (with_text('{"a": ' + "9" * 5000 + "}"), "cannot be read"),
    "more vocabulary than weights": (with_config(hidden_size=1 << 20, vocab_size=1 << 30), "the weights do not hold"),
    "more layers than weights": (with_config(hidden_size=1, num_hidden_layers=10**9), "1,000,000,000 layers"),
    "more in its text model": (with_config(text_config={"hidden_size": 9**9, "vocab_size": 9}), "do not hold"),
}  # fmt: skip


@pytest.mark.parametrize("what", HARMFUL)
def test_what_would_be_dangerous_to_load_is_refused(model: Path, what: str) -> None:
    change, why = HARMFUL[what]
    change(model)
    told = what_is_missing(model)
    assert told is not None and why in told


def test_a_model_trained_by_bitsandbytes_is_let_in(tmp_path: Path) -> None:
    model = write_model(tmp_path / "m", quantization_config={"quant_method": "bitsandbytes", "load_in_4bit": True})
    assert what_is_missing(model) is None
