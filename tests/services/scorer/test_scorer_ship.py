"""The one way into `final_model/`: only with an admitting verdict, only the model that was scored, and whole."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from pathlib import Path

import pytest
from laboratory import GREEDY, Laboratory, build_model, write_rows

from protocol.control import Tell
from protocol.envelope import wrap
from protocol.errors import AnswerFailed
from protocol.score import Decoding
from services.scorer.shots import choose_shots

OUTSIDE = Path(__file__).with_name("outside.py")


async def test_without_an_admitting_verdict_nothing_ships(lab: Laboratory) -> None:
    await lab.prepare()
    scored = await lab.score("base")
    tell = wrap(Tell(text="ship it"), run=lab.run, sender="user")
    await lab.journal.append(tell)
    attempts = {
        "no verdict 'nothing' stands in the journal": "nothing",
        "is no verdict but a tell": tell.id,
        "is about other": await lab.admit("other"),
        "refuses it": await lab.admit("base", admitted=False),
    }
    for why, verdict in attempts.items():
        with pytest.raises(AnswerFailed, match=why):
            await lab.ship(scored, verdict)
    assert not lab.folder.final_model.exists()


async def test_a_model_that_changed_since_it_was_scored_does_not_ship(lab: Laboratory, tmp_path: Path) -> None:
    await lab.prepare()
    model = build_model(tmp_path / "sft-1")
    scored = await lab.score("sft-1", model)
    build_model(model, seed=2)
    with pytest.raises(AnswerFailed, match="is not what was scored"):
        await lab.ship(scored)
    assert not lab.folder.final_model.exists()
    assert not list(lab.folder.root.glob(".final_model*"))


async def test_a_broken_model_does_not_ship_even_if_admitted(lab: Laboratory, tmp_path: Path) -> None:
    await lab.prepare()
    await lab.ship(await lab.score("base"))
    scored = await lab.score("bad", build_model(tmp_path / "bad", poison=float("inf")))
    with pytest.raises(AnswerFailed, match="NaN or infinity"):
        await lab.ship(scored)
    assert json.loads((lab.folder.final_model / "prompt.json").read_text())["candidate"] == "base"


async def test_only_what_inference_needs_ships_with_its_settings(lab: Laboratory, tmp_path: Path) -> None:
    await lab.prepare()
    model = build_model(tmp_path / "sft-1")
    for name in ("optimizer.pt", "training_args.bin", "trainer_state.json", ".cache.json"):
        (model / name).write_text("{}")
    build_model(model / "checkpoint-10")
    decoding = Decoding(do_sample=True, temperature=0.7, top_p=0.9, max_new_tokens=5, shots=3, stop=("\n",))
    shipped = await lab.ship(await lab.score("sft-1", model, decoding=decoding))
    final = lab.folder.final_model
    assert shipped.path == str(final)
    assert {path.name for path in final.iterdir()} == {
        "config.json", "generation_config.json", "model.safetensors", "prompt.json", "tokenizer.json",
        "tokenizer_config.json",
    }  # fmt: skip
    assert json.loads((final / "generation_config.json").read_text()) == {
        "do_sample": True, "temperature": 0.7, "top_p": 0.9, "top_k": 0, "max_new_tokens": 5, "eos_token_id": 1,
        "pad_token_id": 0,
    }  # fmt: skip
    prompt = json.loads((final / "prompt.json").read_text())
    assert (prompt["prompt"], prompt["stop"], len(prompt["shots"])) == ("{question} =", ["\n"], 3)
    assert prompt["prefix"] == "".join(shot["prompt"] + shot["answer"] + "\n" for shot in prompt["shots"])


async def test_shipping_again_changes_nothing(lab: Laboratory) -> None:
    await lab.prepare()
    scored = await lab.score("base")
    first = await lab.ship(scored)
    inode = lab.folder.final_model.stat().st_ino
    assert await lab.ship(scored) == first
    assert lab.folder.final_model.stat().st_ino == inode


async def test_final_model_is_never_absent_while_candidates_replace_each_other(lab: Laboratory, tmp_path: Path) -> None:
    await lab.prepare()
    other = await lab.score("other", build_model(tmp_path / "other", seed=1))
    scored = [await lab.score("base"), other]
    await lab.ship(scored[0])
    looks, absent = 0, 0

    async def look() -> None:
        nonlocal looks, absent
        while True:
            looks += 1
            absent += not lab.folder.final_model.is_dir()
            await asyncio.sleep(0.001)

    looking = asyncio.create_task(look())
    for number in range(6):
        await lab.ship(scored[(number + 1) % 2])
    looking.cancel()
    assert looks > 20
    assert absent == 0


async def test_a_script_that_knows_nothing_of_ours_gets_the_same_score(lab: Laboratory) -> None:
    shots = choose_shots(lab.task, lab.task_folder, None, [])[:5]
    write_rows(lab.task_folder, lab.model, "".join(shot.text for shot in shots))
    await lab.prepare()
    dev = await lab.score("base", decoding=GREEDY.model_copy(update={"shots": 5}))
    await lab.ship(dev)
    tested = await lab.test()
    rows = [str(lab.folder.data / "dev.jsonl"), str(lab.folder.sealed / "test.jsonl")]
    command = [sys.executable, "-I", str(OUTSIDE), str(lab.folder.final_model), *rows]
    done = await asyncio.to_thread(subprocess.run, command, capture_output=True, text=True, timeout=120, check=True)
    printed = [float(line) for line in done.stdout.split()]
    assert printed == pytest.approx([dev.score.value, tested.score.value], abs=1e-6)
    assert min(printed) > 0.1, "or this tests nothing (it is not 0.5: some prompts do not fit behind five examples)"
