"""A task of Inspect as the metric. Inspect does not fit beside the rest, so it has an environment of its own."""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
import venv
from pathlib import Path

import pytest
from benchmark_tasks import ITEMS, benchmark_task, write_benchmark
from laboratory import Laboratory, build_model

from graph.gate import admit
from protocol.data import Contamination
from protocol.errors import AnswerFailed, BadInput
from protocol.score import Decoding
from services.scorer.harness.process import SETTING, interpreter

METRIC = "inspect:echo.py@echo"
AS_IT_SAYS = Decoding(benchmark=METRIC, stop=())
CLEAN = Contamination(clean=True, rows_checked=10, test_overlap=0, dev_overlap=0)


@pytest.fixture(scope="module")
def python(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The Python of POSTDOCS_EVAL_PYTHON, else one of an environment that is made as docs/metrics.md says."""
    if os.environ.get(SETTING):
        return os.environ[SETTING]
    place = tmp_path_factory.mktemp("eval") / "venv"
    venv.create(place, with_pip=True)
    python = place / "bin" / "python"
    subprocess.run([python, "-m", "pip", "install", "-q", "inspect_ai>=0.3.285,<0.4", "openai"], check=True)
    code = "import sysconfig; print(sysconfig.get_path('purelib'))"
    lies_in = subprocess.run([python, "-c", code], capture_output=True, text=True, check=True).stdout.strip()
    (Path(lies_in) / "postdocs.pth").write_text(sysconfig.get_path("purelib") + "\n")
    return str(python)


@pytest.fixture
def found(python: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(SETTING, python)


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_model(tmp_path_factory.mktemp("good") / "model", seed=1)


@pytest.mark.slow
async def test_floor_candidate_gate_ship_and_test(lab: Laboratory, good: Path, found: None) -> None:
    write_benchmark(lab.task_folder, "inspect", good)
    ready = await lab.prepare(benchmark_task(lab.task, METRIC, args={"first": 4}))
    assert ready.dev_rows + ready.test_rows == ITEMS - 4
    floor = await lab.score("base", decoding=AS_IT_SAYS)
    assert floor.score.value < 0.5
    won = await lab.score("sft-1", good, decoding=AS_IT_SAYS, against=("base",))
    assert won.score.value > 0.9
    verdict = admit(won, floor, noise_floor=0.0, contamination=CLEAN, dev_sha256=ready.dev_sha256)
    assert verdict.admitted, verdict.headline()
    assert verdict.paired is not None
    await lab.ship(won, await lab.admit("sft-1"))
    final = await lab.test("sft-1")
    assert (final.score.n, final.answers) == (ready.test_rows, ())
    assert final.score.value > 0.9


@pytest.mark.slow
@pytest.mark.parametrize(
    ("metric", "benchmark", "told"),
    [
        ("inspect:echo.py@ecko", {}, "Inspect has no task 'echo.py@ecko'.*mend the name"),
        ("inspect:echo.py@echo", {"args": {"second": 1}}, "takes no argument 'second': take it out"),
    ],
)
async def test_what_does_not_fit_is_told_before_anything_is_scored(
    metric: str, benchmark: dict[str, object], told: str, lab: Laboratory, good: Path, found: None
) -> None:
    write_benchmark(lab.task_folder, "inspect", good)
    with pytest.raises(AnswerFailed, match=told) as caught:
        await lab.prepare(benchmark_task(lab.task, metric, **benchmark))
    assert caught.value.exit_code == 2


def test_a_harness_that_is_not_installed_is_told_with_the_remedy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bare = tmp_path / "bare"
    bare.write_text(f'#!/bin/sh\nexec {sys.executable} -S "$@"\n')
    bare.chmod(0o755)
    monkeypatch.setenv(SETTING, str(bare))
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(BadInput, match=rf"inspect_ai is neither here nor in {SETTING}=.*make eval-env") as caught:
        interpreter("inspect")
    assert caught.value.exit_code == 2
    monkeypatch.setenv(SETTING, str(tmp_path / "gone"))
    with pytest.raises(BadInput, match="which cannot be run"):
        interpreter("lm_eval")
