"""A task's own metric goes with the job, and nothing else of the task's folder."""

from __future__ import annotations

from pathlib import Path

import pytest

from agents.engineer.metric_files import FOLDER, metric_files
from tools.metrics import load


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "units" / "si").mkdir(parents=True)
    files = {
        "score.py": "import json\nimport units.si\nfrom units.si import metre\nimport words\n"
        "def right(prediction, expected): return float(metre.same(prediction, expected))\n",
        "words.py": "import score\n",
        "units/__init__.py": "",
        "units/si/__init__.py": "",
        "units/si/metre.py": "def same(a, b): return a == b\n",
        "generate.py": "print('the test split')\n",
        "test.jsonl": "{}\n",
    }
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    return tmp_path


@pytest.mark.parametrize("metric", ["python:score:right", "python:score.py:right"])
def test_the_module_goes_with_what_it_imports(
    metric: str, folder: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    found = metric_files(metric, folder)
    modules = ("score.py", "words.py", "units/__init__.py", "units/si/__init__.py", "units/si/metre.py")
    assert set(found) == {f"{FOLDER}/{name}" for name in modules}
    job = tmp_path_factory.mktemp("job")
    for name, text in found.items():
        (job / name).parent.mkdir(parents=True, exist_ok=True)
        (job / name).write_text(text)
    assert load(metric, job / FOLDER)("1 m", "1 m", {}) == 1.0


@pytest.mark.parametrize("metric", ["exact_match", "grader:python score.py", "python:../secret:f", "python:gone:f"])
def test_else_nothing_goes(metric: str, folder: Path) -> None:
    (folder.parent / "secret.py").write_text("def f(a, b): return 1.0")
    assert metric_files(metric, folder) == {}
