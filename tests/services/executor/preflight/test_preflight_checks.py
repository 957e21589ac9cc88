"""What is found in a script before anything of it runs; and that a script without a fault gives no alarm."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest
import yaml

from protocol.preflight import Flaw
from services.executor.preflight.arguments import arguments
from services.executor.preflight.columns import columns
from services.executor.preflight.config_keys import config_keys
from services.executor.preflight.lint import lint
from services.executor.preflight.parse import parse
from services.executor.preflight.script import Script
from services.executor.preflight.signature import MOST_CHARACTERS, signature
from services.executor.preflight.small import BATCH, ROWS, SLICE, STEPS, first_rows, make_small

ROW = {"prompt": "1 + 1 =", "completion": " 2", "answer": "2", "row": {}}
OWN = ("sft.py", "grpo.py", "rejection_sampling.py")


def script(text: str, config: dict[str, Any] | None = None) -> Script:
    made = {"train.py": dedent(text), "config.yaml": yaml.safe_dump(config or {}, sort_keys=False)}
    found = parse(("train.py", "--config", "config.yaml"), made)
    assert isinstance(found, Script), found
    return found


def told(flaws: Any) -> list[str]:
    return [flaw.told for flaw in flaws]


@pytest.mark.parametrize(
    ("texts", "said"),
    [
        ({"train.py": "x = 1\nif x\n    pass\n"}, "train.py:2: expected ':'"),
        ({"train.py": "x = 1\0"}, "null"),
        ({"train.py": "", "config.yaml": "a: 1\nb: [1\n"}, "config.yaml:"),
        ({"train.py": "", "config.yaml": "- a\n"}, "config.yaml:1: it must be a mapping"),
        ({"other.py": ""}, "train.py: there is no such file"),
    ],
)
def test_what_does_not_parse_is_said_with_its_line(texts: dict[str, str], said: str) -> None:
    [flaw] = parse(("train.py", "--config", "config.yaml"), texts)  # type: ignore[misc]
    assert isinstance(flaw, Flaw) and flaw.stage == "parse" and said in flaw.told


def test_the_linter_tells_what_is_wrong_and_not_what_is_untidy() -> None:
    found = script("import os\nimport sys\n\nnothing = f'x'\nprint(undefined)\nprint(sys.argv)\n")
    assert told(lint(found)) == ["train.py:5: Undefined name `undefined` (F821)"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("from trl import SFTConfig\nSFTConfig(learning_rat=1)", "train.py:2: trl.SFTConfig takes no `learning_rat`"),
        ("import trl as t\nt.SFTConfig(\n    max_seq_length=8)", "train.py:3: trl.SFTConfig takes no `max_seq_length`"),
        ("from trl import SFTTrainer\nSFTTrainer('m', tokenizer=1)", "takes no `tokenizer`"),
        ("from trl import GRPOTrainr", "train.py:1: trl has no `GRPOTrainr`: did you mean `GRPOTrainer`?"),
        ("import transformers\ntransformers.Trainr()", "did you mean `Trainer`?"),
        ("from transformers.nothing import x", "has no"),
    ],
)
def test_names_and_keywords_that_the_installed_libraries_do_not_have(text: str, said: str) -> None:
    [found] = told(arguments(script(text)))
    assert said in found


@pytest.mark.parametrize(
    "text",
    [
        "from transformers import AutoModelForCausalLM\nAutoModelForCausalLM.from_pretrained('m', anything=1)",
        "from trl import SFTConfig\nSFTConfig(**{'whatever': 1})",
        "try:\n    from trl import Nothing\nexcept ImportError:\n    Nothing = None",
        "from trl import SFTConfig\ndef SFTConfig(x): ...\nSFTConfig(x=1)",
        "import torch\ntorch.zeros(2, dtype=None)\ntorch.nn.Linear(1, 1, bias=False)",
        "import torch\nwith torch.no_grad():\n    pass",
    ],
)
def test_what_cannot_be_told_is_no_flaw(text: str) -> None:
    assert told(arguments(script(text))) == []


@pytest.mark.parametrize("name", OWN)
def test_the_crews_own_scripts_have_no_flaw(name: str) -> None:
    text = (files("agents.engineer") / "scripts" / name).read_text()
    found = script(text, {"model_name_or_path": "m", "dataset_name": "d", "train_seconds": 8.0, "max_steps": 5})
    checks = (lint(found), arguments(found), config_keys(found), columns(found, [ROW]))
    assert [flaw for check in checks for flaw in check] == []


PARSER = """
from dataclasses import dataclass
from trl import SFTConfig, ScriptArguments, TrlParser

@dataclass
class Mine:
    train_seconds: float = 0.0

print(TrlParser((ScriptArguments, Mine, SFTConfig)).parse_args_and_config({given}))
"""


def test_keys_of_the_config_that_the_scripts_parser_refuses() -> None:
    config = {"dataset_name": "d", "train_seconds": 2, "learning_rat": 1e-3, "env": {"A": "b"}}
    [found] = told(config_keys(script(PARSER.replace("{given}", ""), config)))
    assert found == "config.yaml:3: the script's arguments have no `learning_rat`: did you mean `learning_rate`?"
    lenient = PARSER.replace("{given}", "fail_with_unknown_args=False")
    assert told(config_keys(script(lenient, config))) == []
    assert told(config_keys(script("import yaml\nyaml.safe_load(open('config.yaml'))", config))) == []


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            "import json\nfor row in map(json.loads, open('f')):\n    print(row['promt'])",
            "train.py:3: the dataset has no",
        ),
        (
            "from datasets import load_dataset\nd = load_dataset('json', data_files='f')['train']\n"
            "d.map(lambda one: {'text': one['question']})",
            "no column `question`",
        ),
        (
            "from datasets import load_dataset\nfrom trl import DPOTrainer\n"
            "rows = load_dataset('json', data_files='f', split='train')\nDPOTrainer('m', train_dataset=rows)",
            "DPOTrainer needs chosen + rejected; the dataset has answer, completion, prompt, row",
        ),
    ],
)
def test_columns_that_the_dataset_does_not_have(text: str, said: str) -> None:
    [found] = told(columns(script(text), [ROW]))
    assert said in found


@pytest.mark.parametrize(
    "text",
    [
        "import json\nrows = [json.loads(line) for line in open('f')]\nfor row in rows:\n    row['text'] = 1\n"
        "for row in rows:\n    print(row['text'])",
        "import json\nconfig = json.loads(open('f').read())\nprint(config['lr'])",
        "import json\nrows = list(map(json.loads, open('f')))\nrows = [dict(text=1) for _ in rows]\n"
        "for row in rows:\n    print(row['text'])",
        "for row in something():\n    print(row['else'])",
        "from datasets import load_dataset\nfrom trl import DPOTrainer\nd = load_dataset('json', data_files='f')\n"
        "d = d.map(pairs)\nDPOTrainer('m', train_dataset=d)",
    ],
)
def test_columns_that_the_script_makes_itself_are_no_flaw(text: str) -> None:
    assert told(columns(script(text), [ROW])) == []


def test_the_trial_has_a_slice_and_few_small_steps(tmp_path: Path) -> None:
    data = tmp_path / "rows.jsonl"
    data.write_text('{"prompt": "x"}\n' * 100)
    config = {"dataset_name": str(data), "max_steps": 1000, "bf16": True, "per_device_train_batch_size": 128}
    lines = first_rows(config)
    small = make_small(config, lines, tmp_path)
    assert len((tmp_path / SLICE).read_text().splitlines()) == len(lines) == ROWS
    assert small == {
        "dataset_name": str(tmp_path / SLICE),
        "max_steps": STEPS,
        "bf16": False,
        "per_device_train_batch_size": BATCH,
    }
    assert make_small({"num_generations": 8, "per_device_train_batch_size": 128}, [], tmp_path) == {
        "num_generations": 8,
        "per_device_train_batch_size": 8,
    }


def test_what_is_no_file_of_rows_is_left_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "table.csv").write_text("a,b\n1,2\n")
    assert first_rows({"dataset_name": str(tmp_path / "table.csv")}) == []
    assert first_rows({"dataset_name": "someone/dataset"}) == []


def test_a_signature_is_that_of_the_installed_library() -> None:
    found = signature("trl.GRPOTrainer")
    assert found.found and "reward_funcs" in found.text and "train_dataset" in found.text
    config = signature("trl.SFTConfig")
    assert "max_length" in config.text and len(config.text) <= MOST_CHARACTERS
    absent = signature("trl.SFTConfg")
    assert not absent.found and "did you mean `SFTConfig`?" in absent.text
