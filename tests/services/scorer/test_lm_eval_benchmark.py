"""A task of lm-evaluation-harness as the metric: divided, sealed, scored item by item, and shipped through the gate."""

from __future__ import annotations

import json
import stat
from pathlib import Path

import pytest
from benchmark_tasks import ITEMS, benchmark_task, write_benchmark
from laboratory import Laboratory, build_model

from graph.gate import admit, bank
from graph.noise import noise_between
from protocol.bus import AnswerFailed
from protocol.data import Contamination, Overlap, OverlapRequest
from protocol.ledger import Ledger
from protocol.score import Decoding
from services.scorer.files import sha256_file

AS_IT_SAYS = Decoding(benchmark="lm_eval:echo", stop=())
CLEAN = Contamination(clean=True, rows_checked=10, test_overlap=0, dev_overlap=0)


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_model(tmp_path_factory.mktemp("good") / "model", seed=1)


@pytest.mark.slow
async def test_floor_candidate_gate_ship_and_test(lab: Laboratory, good: Path) -> None:
    write_benchmark(lab.task_folder, "lm_eval", good)
    ready = await lab.prepare(benchmark_task(lab.task, "lm_eval:echo"))
    assert ready.dev_rows + ready.test_rows == ITEMS
    assert min(ready.dev_rows, ready.test_rows) > ITEMS // 4
    dev = [json.loads(line)["prompt"] for line in (lab.folder.data / "dev.jsonl").read_text().splitlines()]
    sealed = lab.folder.sealed / "test.jsonl"
    assert not set(dev) & {json.loads(line)["prompt"] for line in sealed.read_text().splitlines()}
    assert stat.S_IMODE(sealed.stat().st_mode) == 0o600

    floor = await lab.score("base", decoding=AS_IT_SAYS)
    assert floor.score.value < 0.5
    await lab.ship(floor, await lab.admit("base", bank(floor, ready.dev_sha256).admitted))
    won = await lab.score("sft-1", good, decoding=AS_IT_SAYS, against=("base",))
    assert won.score.value > 0.9
    assert won.against("base") is not None and not won.unpaired
    noise = noise_between(Ledger([]), won, floor)
    verdict = admit(won, floor, noise_floor=noise, contamination=CLEAN, dev_sha256=ready.dev_sha256)
    assert verdict.admitted, verdict.headline()
    await lab.ship(won, await lab.admit("sft-1"))
    final = await lab.test("sft-1")
    assert (final.score.n, final.answers) == (ready.test_rows, ())
    assert final.score.value > 0.9
    assert "max_new_tokens" not in json.loads((lab.folder.final_model / "generation_config.json").read_text())
    assert not list(lab.folder.sealed.glob("evaluation-*")), "nothing of an evaluation is left behind"


async def test_training_rows_are_checked_against_its_items(lab: Laboratory, good: Path) -> None:
    write_benchmark(lab.task_folder, "lm_eval", good)
    ready = await lab.prepare(benchmark_task(lab.task, "lm_eval:echo", dev_split="validation", dev_sample=20))
    assert (ready.dev_rows, ready.test_rows) == (20, ITEMS)
    rows = [json.loads(line) for line in (lab.task_folder / "rows.jsonl").read_text().splitlines()]
    path = lab.folder.root / "rows.jsonl"
    path.write_text("".join(json.dumps({"prompt": f"{r['question']} =", "completion": "x"}) + "\n" for r in rows[:7]))
    found = await lab.ask(OverlapRequest(name="s", path=str(path), sha256=sha256_file(path)), Overlap)
    assert (found.test_exact, found.dev_exact) == (7, 0)

    yaml = lab.task_folder / "echo.yaml"
    yaml.write_text(yaml.read_text().replace("max_gen_toks: 6", "max_gen_toks: 5"))
    with pytest.raises(AnswerFailed, match="was changed since the run began"):
        await lab.score("base", decoding=AS_IT_SAYS, limit=2)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("metric", "benchmark", "told"),
    [
        ("lm_eval:ecko", {}, "lm_eval has no task 'ecko'.*did you mean echo"),
        ("lm_eval:echo", {"dev_split": "vaildation"}, "'vaildation', and there is: test, validation"),
        ("lm_eval:echo", {"dev_share": 0.01}, "gives . items for dev"),
    ],
)
async def test_what_does_not_fit_is_told_before_anything_is_scored(
    metric: str, benchmark: dict[str, object], told: str, lab: Laboratory, good: Path
) -> None:
    write_benchmark(lab.task_folder, "lm_eval", good)
    with pytest.raises(AnswerFailed, match=told) as caught:
        await lab.prepare(benchmark_task(lab.task, metric, **benchmark))
    assert caught.value.exit_code == 2
