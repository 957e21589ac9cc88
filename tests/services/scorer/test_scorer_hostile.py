"""A job leaves a model that is made to harm whoever loads it: the scorer, which alone reads the test split."""

from __future__ import annotations

import contextlib
import json
import pickle
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from laboratory import Laboratory, build_model

from protocol.errors import AnswerFailed
from services.scorer import loading

CODE = "from pathlib import Path\nPath({mark!r}).touch()\nfrom transformers import LlamaForCausalLM as Evil\n"


class Bomb:
    """What a pickle does when it is loaded."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> Any:
        return Path.touch, (self.mark,)


def change(path: Path, **said: Any) -> None:
    path.write_text(json.dumps(json.loads(path.read_text()) | said))


def with_code(model: Path, lab: Laboratory, mark: Path) -> None:
    (model / "evil.py").write_text(CODE.format(mark=str(mark)))
    change(model / "config.json", auto_map={"AutoModelForCausalLM": "evil.Evil"}, model_type="evil")


def with_code_of_the_tokenizer(model: Path, lab: Laboratory, mark: Path) -> None:
    (model / "evil.py").write_text(CODE.format(mark=str(mark)))
    change(model / "tokenizer_config.json", auto_map={"AutoTokenizer": ["evil.Evil", None]})


def with_a_pickle(model: Path, lab: Laboratory, mark: Path) -> None:
    (model / "model.safetensors").unlink()
    (model / "pytorch_model.bin").write_bytes(pickle.dumps(Bomb(mark)))


def with_another_model(model: Path, lab: Laboratory, mark: Path) -> None:
    (model / "adapter_config.json").write_text(json.dumps({"base_model_name_or_path": str(lab.model)}))


def with_the_test_split_for_a_vocabulary(model: Path, lab: Laboratory, mark: Path) -> None:
    change(model / "tokenizer_config.json", vocab_file=str(lab.folder.sealed / "test.jsonl"))


def with_the_test_split_for_a_template(model: Path, lab: Laboratory, mark: Path) -> None:
    (model / "chat_template.jinja").symlink_to(lab.folder.sealed / "test.jsonl")


def with_the_weights_of_the_base(model: Path, lab: Laboratory, mark: Path) -> None:
    (model / "model.safetensors").unlink()
    (model / "model.safetensors").symlink_to(lab.model / "model.safetensors")


def with_the_base_in_its_place(model: Path, lab: Laboratory, mark: Path) -> None:
    shutil.rmtree(model)
    model.symlink_to(lab.model)


def with_a_size_that_fits_nowhere(model: Path, lab: Laboratory, mark: Path) -> None:
    change(model / "config.json", hidden_size=1 << 20, intermediate_size=1 << 24)


WAYS: tuple[Callable[[Path, Laboratory, Path], None], ...] = (
    with_code, with_code_of_the_tokenizer, with_a_pickle, with_another_model, with_the_test_split_for_a_vocabulary,
    with_the_test_split_for_a_template, with_the_weights_of_the_base, with_the_base_in_its_place,
    with_a_size_that_fits_nowhere,
)  # fmt: skip


async def test_no_harmful_model_is_scored_and_none_ships(lab: Laboratory, tmp_path: Path) -> None:
    await lab.prepare()
    harmless = build_model(tmp_path / "harmless", seed=1)
    for way in WAYS:
        model, mark = tmp_path / way.__name__, tmp_path / f"{way.__name__}.mark"
        shutil.copytree(harmless, model)
        before = await lab.score(way.__name__, model)
        assert before.score.failed is None
        way(model, lab, mark)
        assert (await lab.score(way.__name__, model)).score.failed, way.__name__
        with pytest.raises(AnswerFailed, match=f"{way.__name__} does not ship"):
            await lab.ship(before)
        assert not mark.exists(), way.__name__
    assert not lab.folder.final_model.exists()


async def test_a_harmful_model_is_not_scored_under_the_name_of_a_folder_of_the_task(lab: Laboratory) -> None:
    """A path may be relative to the task's folder."""
    await lab.prepare()
    model = build_model(lab.task_folder / "mine")
    (model / "adapter_config.json").write_text("{}")
    assert "adapter" in ((await lab.score("mine", Path("mine"))).score.failed or "")


async def test_the_base_model_may_consist_of_links_as_in_the_cache_of_the_hub(lab: Laboratory, tmp_path: Path) -> None:
    linked = tmp_path / "snapshot"
    linked.mkdir()
    for path in lab.model.iterdir():
        (linked / path.name).symlink_to(path)
    await lab.prepare(lab.task.model_copy(update={"base_model": str(linked)}))
    scored = await lab.score("base", linked)
    assert scored.score.failed is None
    assert not any(path.is_symlink() for path in Path((await lab.ship(scored)).path).iterdir())


@pytest.mark.parametrize("way", [with_code, with_code_of_the_tokenizer, with_a_pickle])
def test_loading_runs_no_code_even_unchecked(
    model: Path, tmp_path: Path, way: Callable[[Path, Any, Path], None]
) -> None:
    """The rule before it, and the loader's own settings, each suffice."""
    folder, mark = tmp_path / "m", tmp_path / "mark"
    shutil.copytree(model, folder)
    way(folder, None, mark)
    with contextlib.suppress(loading.ModelBroken):
        loading.load(folder)
    assert not mark.exists()
