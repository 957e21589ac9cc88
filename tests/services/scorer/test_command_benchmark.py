"""A program of the user's as the metric: it gets a model's folder and writes accuracy and standard error as JSON."""

from __future__ import annotations

import hashlib
import json
import math
import shutil
from pathlib import Path

import pytest
from benchmark_tasks import COMMAND, benchmark_task, command
from laboratory import Laboratory, build_model

from graph.gate import admit
from protocol.data import Contamination
from protocol.errors import AnswerFailed
from protocol.score import Decoding
from services.scorer.harness.command import read_result
from services.scorer.harness.process import HarnessFailed

CLEAN = Contamination(clean=True, rows_checked=10, test_overlap=0, dev_overlap=0)


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_model(tmp_path_factory.mktemp("good") / "model", seed=1)


def write_script(lab: Laboratory, good: Path, script: str = COMMAND) -> None:
    (lab.task_folder / "bench.py").write_text(script)
    (lab.task_folder / "good").write_text(hashlib.sha256((good / "model.safetensors").read_bytes()).hexdigest())


@pytest.mark.parametrize("item_by_item", [True, False])
async def test_floor_candidate_gate_ship_and_test(lab: Laboratory, good: Path, item_by_item: bool) -> None:
    write_script(lab, good)
    if item_by_item:
        (lab.task_folder / "item by item").touch()
    decoding = Decoding(benchmark=command(), stop=())
    ready = await lab.prepare(benchmark_task(lab.task, command()))
    floor = await lab.score("base", decoding=decoding)
    assert floor.score.value == pytest.approx(0.1)
    won = await lab.score("sft-1", good, decoding=decoding, against=("base",))
    assert won.score.value == pytest.approx(0.8)
    assert (len(won.paired), len(won.unpaired)) == ((1, 0) if item_by_item else (0, 1))
    verdict = admit(won, floor, noise_floor=0.0, contamination=CLEAN, dev_sha256=ready.dev_sha256)
    assert verdict.admitted, verdict.headline()
    assert {check.name for check in verdict.checks} >= {"paired test" if item_by_item else "unpaired test"}
    await lab.ship(won, await lab.admit("sft-1"))
    final = await lab.test("sft-1")
    assert (final.score.value, final.score.n) == (pytest.approx(0.8), ready.test_rows)


async def test_a_known_score_alone_is_compared_by_the_wider_test(lab: Laboratory, good: Path) -> None:
    write_script(lab, good)
    decoding = Decoding(benchmark=command(), stop=())
    await lab.prepare(benchmark_task(lab.task, command()))
    await lab.score("base", decoding=decoding)
    alone = (await lab.score("sft-1", good, decoding=decoding, against=("base",))).unpaired[0]
    spread = math.hypot(math.sqrt(0.1 * 0.9 / 40), math.sqrt(0.8 * 0.2 / 40))
    assert (alone.low, alone.high) == pytest.approx((0.7 - 1.96 * spread, 0.7 + 1.96 * spread), abs=1e-4)
    (lab.task_folder / "item by item").touch()
    again = await lab.score("sft-2", good, decoding=decoding, against=("base",))
    assert again.unpaired and not again.paired, "what is known of one alone item by item is not paired"


FAULTS = [
    ("import sys; sys.exit('no such metric')", "ended with 1: no such metric"),
    ("pass", "wrote no file to where --output says"),
    ("out.write_text('accuracy 0.5')", "no JSON"),
    ("out.write_text('[1]')", "wrote no JSON object"),
    ("out.write_text('{\"accuracy\": NaN, \"stderr\": 0.1}')", "'accuracy' is nan"),
    ("out.write_text('{\"accuracy\": 41.5, \"stderr\": 0.1}')", "'accuracy' is 41.5 .* no percentage"),
    ("out.write_text('{\"accuracy\": 0.5}')", "'stderr' is missing"),
    ("out.write_text('{\"accuracy\": 0.5, \"stderr\": 0.1, \"outcomes\": [1]}')", "'outcomes' has 1 for 40 items"),
    ("import time; time.sleep(60)", "took more than 2 s: give it more under benchmark.time"),
]  # fmt: skip


@pytest.mark.parametrize(("line", "told"), FAULTS, ids=[told[:20] for _, told in FAULTS])
async def test_a_program_that_fails_with_the_base_is_bad_input(lab: Laboratory, line: str, told: str) -> None:
    script = f"import pathlib, sys\nout = pathlib.Path(sys.argv[sys.argv.index('--output') + 1])\n{line}\n"
    (lab.task_folder / "bench.py").write_text(script)
    await lab.prepare(benchmark_task(lab.task, command(), time=2))
    with pytest.raises(AnswerFailed, match=told) as caught:
        await lab.score("base", decoding=Decoding(benchmark=command(), stop=()))
    assert caught.value.exit_code == 2


async def test_a_program_that_fails_with_a_candidate_is_the_candidates_failure(lab: Laboratory, good: Path) -> None:
    write_script(lab, good, "import sys\nsys.exit('out of memory')\n")
    await lab.prepare(benchmark_task(lab.task, command()))
    shutil.copytree(good, lab.folder.root / "jobs" / "sft-1" / "model")
    scored = await lab.score(
        "sft-1", lab.folder.root / "jobs" / "sft-1" / "model", decoding=Decoding(benchmark=command(), stop=())
    )
    assert scored.score.failed is not None
    assert "ended with 1: out of memory" in scored.score.failed


async def test_it_sees_what_would_ship_and_no_secret(
    lab: Laboratory, good: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MY_API_KEY", "secret")
    monkeypatch.setenv("JUDGE_KEY", "wanted")
    (lab.task_folder / "bench.py").write_text(
        "import json, os, pathlib, sys\n"
        "given = dict(zip(sys.argv[1::2], sys.argv[2::2]))\n"
        "model = pathlib.Path(given['--model'])\n"
        "seen = {'env': sorted(os.environ), 'files': sorted(p.name for p in model.iterdir()),\n"
        "        'generation': json.loads((model / 'generation_config.json').read_text())}\n"
        "pathlib.Path('seen.json').write_text(json.dumps(seen))\n"
        "pathlib.Path(given['--output']).write_text(json.dumps({'accuracy': 0.5, 'stderr': 0.1}))\n"
    )
    await lab.prepare(benchmark_task(lab.task, command(), env=["JUDGE_KEY"]))
    decoding = Decoding(benchmark=command(), stop=())
    scored = await lab.score("base", decoding=decoding)
    seen = json.loads((lab.task_folder / "seen.json").read_text())
    assert "JUDGE_KEY" in seen["env"]
    assert "MY_API_KEY" not in seen["env"]
    await lab.ship(scored)
    shipped = json.loads((lab.folder.final_model / "generation_config.json").read_text())
    assert seen["generation"] == shipped
    assert set(seen["files"]) <= {path.name for path in lab.folder.final_model.iterdir()}


async def test_a_broken_model_never_reaches_the_program(lab: Laboratory, tmp_path: Path) -> None:
    (lab.task_folder / "bench.py").write_text("open('started', 'w')\n")
    await lab.prepare(benchmark_task(lab.task, command()))
    broken = build_model(tmp_path / "broken", poison=float("nan"))
    scored = await lab.score("sft-1", broken, decoding=Decoding(benchmark=command(), stop=()))
    assert "NaN" in (scored.score.failed or "")
    assert not (lab.task_folder / "started").exists()


def test_outcomes_and_accuracy_must_agree(tmp_path: Path) -> None:
    path = tmp_path / "result.json"
    path.write_text(json.dumps({"accuracy": 0.667, "outcomes": [1, 1, 0]}))
    assert read_result(path, 3) == (0.667, None, (1.0, 1.0, 0.0))
    path.write_text(json.dumps({"accuracy": 0.5, "outcomes": [1, 1, 0]}))
    with pytest.raises(HarnessFailed, match="they must agree"):
        read_result(path, 3)
    path.write_text(json.dumps({"accuracy": True, "stderr": 0.1}))
    with pytest.raises(HarnessFailed, match="'accuracy' is 'True'"):
        read_result(path, 3)
