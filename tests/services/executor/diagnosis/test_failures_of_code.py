"""Failures of the script itself, provoked: imports, arguments, syntax, templates, tokenizers, columns, tensors."""

from __future__ import annotations

from pathlib import Path

import pytest
from provoke import Provoker, named

from protocol.job import Category

PARSER = "from trl import SFTConfig, TrlParser\nTrlParser((SFTConfig,)).parse_args_and_config()"
CPU = ("--output_dir", "x", "--use_cpu", "true", "--bf16", "false")
CASES: dict[str, tuple[Category, str, str]] = {
    "a module that is not installed": (
        "import_error",
        "import flash_attn_9",
        "ModuleNotFoundError: No module named 'flash_attn_9'",
    ),
    "a name that the module does not have": (
        "import_error",
        "from trl import PPOConfigX",
        "cannot import name 'PPOConfigX'",
    ),
    "an unexpected keyword": (
        "argument_error",
        "from trl import SFTConfig\nSFTConfig(output_dir='x', lr=1e-3)",
        "got an unexpected keyword argument 'lr'",
    ),
    "a value that the config refuses": (
        "argument_error",
        "import tiny\ntiny.grpo(len, per_device_train_batch_size=3)",
        "must be divisible by num_generations",
    ),
    "an unknown strategy": (
        "argument_error",
        "from trl import SFTConfig\nSFTConfig(output_dir='x', save_strategy='sometimes', use_cpu=True, bf16=False)",
        "sometimes",
    ),
    "a syntax error": ("syntax_error", "def broken(:\n    pass", "SyntaxError: invalid syntax"),
    "an indentation error": ("syntax_error", "if True:\nprint(1)", "IndentationError: expected an indented block"),
    "no chat template": (
        "template_error",
        "import tiny\ntiny.tokenizer().apply_chat_template([{'role': 'user', 'content': 'a'}])",
        "tokenizer.chat_template is not set",
    ),
    "a template that does not parse": (
        "template_error",
        "import tiny\nt = tiny.tokenizer()\nt.chat_template = '{% for m in messages %}{{ m.content }}'\n"
        "t.apply_chat_template([{'role': 'user', 'content': 'a'}])",
        "jinja2.exceptions.TemplateSyntaxError",
    ),
    "a template that refuses": (
        "template_error",
        "import tiny\nt = tiny.tokenizer()\n"
        "t.chat_template = \"{{ raise_exception('Conversation roles must alternate') }}\"\n"
        "t.apply_chat_template([{'role': 'user', 'content': 'a'}])",
        "Conversation roles must alternate",
    ),
    "a tokenizer without a padding token": (
        "tokenizer_error",
        "import tiny\nt = tiny.tokenizer()\nt.pad_token = None\nt(['a', 'a b'], padding=True, return_tensors='pt')",
        "does not have a padding token",
    ),
    "a tokenizer.json that is none": (
        "tokenizer_error",
        "import pathlib, tiny\nfrom transformers import AutoTokenizer\n"
        "tiny.tokenizer().save_pretrained('t')\npathlib.Path('t/tokenizer.json').write_text('{\"added')\n"
        "AutoTokenizer.from_pretrained('t')",
        "JSONDecodeError: Unterminated string starting at: line 1 column 2",
    ),
    "a token that the model does not have": (
        "tokenizer_error",
        "import tiny, torch\ntiny.model()(input_ids=torch.tensor([[1, 400]]))",
        "IndexError: index out of range in self",
    ),
    "a layer of another width": (
        "shape_mismatch",
        "import torch\ntorch.nn.Linear(3, 4)(torch.ones(2, 5))",
        "mat1 and mat2 shapes cannot be multiplied (2x5 and 3x4)",
    ),
    "tensors of unlike length": (
        "shape_mismatch",
        "import torch\ntorch.ones(3) + torch.ones(4)",
        "The size of tensor a (3) must match the size of tensor b (4)",
    ),
    "weights of another model": (
        "shape_mismatch",
        "import tiny, torch\nm = tiny.model()\nw = m.state_dict()\nw['lm_head.weight'] = torch.ones(3, 3)\n"
        "m.load_state_dict(w)",
        "size mismatch for lm_head.weight",
    ),
    "a layer of another dtype": (
        "dtype_mismatch",
        "import torch\ntorch.nn.Linear(3, 4)(torch.ones(2, 3, dtype=torch.bfloat16))",
        "same dtype",
    ),
    "an operation that the dtype lacks": (
        "dtype_mismatch",
        "import torch\ntorch.linalg.qr(torch.ones(2, 2, dtype=torch.bfloat16))",
        "\"geqrf_cpu\" not implemented for 'BFloat16'",
    ),
    "SFT without its column": (
        "missing_column",
        "import tiny\ntiny.sft(rows=[{'question': 'a', 'answer': 'b'}] * 4)",
        "KeyError: 'text'",
    ),
    "GRPO without a prompt": (
        "missing_column",
        "import tiny\ntiny.grpo(lambda completions, **k: [0.0] * len(completions), rows=[{'q': 'a'}]).train()",
        "KeyError: 'prompt'",
    ),
    "rows without the script's column": (
        "missing_column",
        "rows = [{'prompt': 'a'}]\nprint([row['completion'] for row in rows])",
        "KeyError: 'completion'",
    ),
    "a column that is removed and not there": (
        "missing_column",
        "from datasets import Dataset\nDataset.from_list([{'a': 1}]).remove_columns(['b'])",
        "not in the dataset",
    ),
    "no labels": (
        "missing_column",
        "import tiny\nfrom datasets import Dataset\nfrom transformers import Trainer, TrainingArguments\n"
        "rows = Dataset.from_list([{'input_ids': [2, 3]}] * 4)\n"
        "a = TrainingArguments('x', use_cpu=True, report_to='none')\n"
        "Trainer(tiny.model(), a, train_dataset=rows).train()",
        "did not return a loss from the inputs",
    ),
    "a file that is not there": (
        "missing_file",
        "open('train.jsonl')",
        "FileNotFoundError: [Errno 2] No such file or directory: 'train.jsonl'",
    ),
    "a model folder that is not there": (
        "missing_file",
        "from transformers import AutoModelForCausalLM\nAutoModelForCausalLM.from_pretrained('/no/such/model')",
        "/no/such/model",
    ),
    "a folder without a model": (
        "missing_file",
        "import os\nfrom transformers import AutoModelForCausalLM\nos.mkdir('m')\n"
        "AutoModelForCausalLM.from_pretrained('m')",
        "Unrecognized model in m",
    ),
    "too many open files": (
        "forbidden",
        "import resource\nresource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))\n"
        "held = [open('/dev/null') for _ in range(100)]",
        "Too many open files",
    ),
    "nothing that we know": ("unknown", "print('the end is near')\nraise ZeroDivisionError('of a kind')", "of a kind"),
}


@pytest.mark.parametrize("case", CASES)
def test_a_failure_is_named(provoker: Provoker, tmp_path: Path, case: str) -> None:
    category, script, quoted = CASES[case]
    named(provoker.fail(tmp_path, script), category, quoted)


def test_a_key_that_the_config_does_not_have(provoker: Provoker, tmp_path: Path) -> None:
    config = {"config.yaml": "output_dir: x\nuse_cpu: true\nbf16: false\nlearning_rat: 0.1\n"}
    failure = provoker.fail(tmp_path, PARSER, "--config", "config.yaml", files=config)
    named(failure, "argument_error", "learning_rat")


def test_an_argument_that_the_script_does_not_have(provoker: Provoker, tmp_path: Path) -> None:
    failure = provoker.fail(tmp_path, PARSER, *CPU, "--learning_speed", "0.1")
    named(failure, "argument_error", "--learning_speed")


def test_the_place_in_the_script_is_quoted(provoker: Provoker, tmp_path: Path) -> None:
    failure = provoker.fail(tmp_path, "import torch\n\n\ntorch.ones(3) + torch.ones(4)")
    assert any(line.endswith('script.py", line 4, in <module>') for line in failure.cause.evidence)


def test_an_exception_that_was_handled_long_ago_does_not_count(provoker: Provoker, tmp_path: Path) -> None:
    script = (
        "import traceback\ntry: open('cache')\nexcept OSError: traceback.print_exc()\n"
        "print('going on without')\nraise ValueError('three is not two')"
    )
    named(provoker.fail(tmp_path, script), "unknown", "three is not two")
