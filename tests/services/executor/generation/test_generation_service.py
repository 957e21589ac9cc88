"""A worker runs a script that writes rows: in a sandbox, and whatever the script does, the answer is a clear one."""

from __future__ import annotations

import json
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest
from executor_harness import CrewRun, WorkerProcess

from protocol.envelope import wrap
from protocol.generation import Generated, GenerateRequest
from protocol.message import Message
from services.executor.backends.local import LocalBackend
from services.executor.generation.service import Generations

HOSTILE: dict[str, tuple[str, str]] = {
    "endless-output": ("while True:\n    print('x' * 10_000)", "it wrote more than 16 MB"),
    "endless-time": ("import time\nprint('{}', flush=True)\ntime.sleep(600)", "it was not done after 2 s"),
    "fork-bomb": ("import os\nwhile True:\n    os.fork()", "it failed: "),
    "memory": ("x = [bytearray(1 << 28) for _ in range(40)]", "it failed: "),
    "nothing": ("", "it wrote no row"),
    "blank": ("print()", "it wrote no row"),
    "no-python": ("this is no Python", "SyntaxError"),
    "raises": ("print('{}')\nraise ValueError('no luck')", "it failed: exit code 1: ValueError: no luck"),
    "link": ("import os\nos.symlink('/etc/passwd', 'rows.jsonl')", "not a plain file"),
    "fifo": ("import os\nos.mkfifo('rows.jsonl')", "not a plain file"),
    "network": (
        "import socket\nsocket.create_connection(('1.1.1.1', 443), 3)",
        "it failed: exit code 1: ",
    ),
}


def request(run: CrewRun, script: str, name: str = "made", **fields: Any) -> GenerateRequest:
    folder = run.folder / run.name
    folder.mkdir(parents=True, exist_ok=True)
    return GenerateRequest.model_validate(
        {"name": name, "script": dedent(script).strip() or "pass", "folder": str(folder), "seconds": 20.0} | fields
    )


async def generated(run: CrewRun, question: GenerateRequest) -> Generated:
    envelope = wrap(question, run=run.name, sender="curator", recipient="generation")
    answer = (await run.bus.ask(envelope, Message)).data
    assert isinstance(answer, Generated)
    return answer


async def test_rows_on_standard_output_come_back_as_a_file_and_nothing_else_is_left(
    run: CrewRun, worker: WorkerProcess
) -> None:
    script = """
    import argparse, json, os, random, sys
    parser = argparse.ArgumentParser()
    parser.add_argument("--seed", type=int)
    parser.add_argument("count", type=int)
    told = parser.parse_args()
    rng = random.Random(told.seed)
    for _ in range(told.count):
        print(json.dumps({"n": rng.randrange(100)}))
    os.system("echo '{\\"n\\": 1}'")
    print("done", file=sys.stderr)
    """
    answer = await generated(run, request(run, script, args=("3",), seed=7))
    assert answer.error == "" and answer.printed == ("done",)
    rows = Path(answer.path).read_text().splitlines()
    assert len(rows) == 4 and json.loads(rows[-1]) == {"n": 1}
    assert [str(path) for path in (run.folder / run.name).rglob("*") if path.is_file()] == [answer.path]
    again = await generated(run, request(run, script, args=("3",), seed=7))
    assert (again.path, again.sha256) == (answer.path, answer.sha256)
    other = await generated(run, request(run, script, args=("3",), seed=8))
    assert other.path != answer.path and other.sha256 != answer.sha256


async def test_rows_in_a_file_come_back_too(run: CrewRun, worker: WorkerProcess) -> None:
    answer = await generated(run, request(run, "print('words')\nopen('rows.jsonl', 'w').write('{}')"))
    assert Path(answer.path).read_text() == "{}"


@pytest.mark.parametrize("kind", HOSTILE)
async def test_a_hostile_generator_ends_in_a_clear_answer(run: CrewRun, worker: WorkerProcess, kind: str) -> None:
    script, said = HOSTILE[kind]
    seconds = 2.0 if kind in ("endless-time", "fork-bomb") else 20.0
    answer = await generated(run, request(run, script, name=kind, seconds=seconds))
    assert said in " ".join([answer.error, *answer.printed]), answer
    assert answer.error and answer.path == "" and not (run.folder / run.name / "generated").exists()


async def test_a_generator_sees_neither_the_test_split_nor_the_home_nor_secrets(
    run: CrewRun, worker: WorkerProcess
) -> None:
    sealed = run.folder / run.name / "sealed"
    task = run.folder / "task"
    for folder in (sealed, task):
        folder.mkdir(parents=True)
        (folder / "test.jsonl").write_text('{"secret": 1}\n')
    wanted = [str(sealed / "test.jsonl"), str(task / "test.jsonl"), str(Path("~/.cache").expanduser()), "/etc/shadow"]
    script = f"""
    import json, os
    found = {{}}
    for path in {wanted!r}:
        try:
            found[path] = os.listdir(path) if os.path.isdir(path) else open(path).read()
        except OSError as error:
            found[path] = type(error).__name__
    found["environment"] = [name for name in os.environ if name.endswith(("_TOKEN", "_KEY"))]
    print(json.dumps(found))
    """
    answer = await generated(run, request(run, script))
    found = json.loads(Path(answer.path).read_text())
    assert found.pop("environment") == []
    assert all(value == [] or (isinstance(value, str) and value.endswith("Error")) for value in found.values()), found


async def test_without_a_sandbox_nothing_is_generated(run: CrewRun) -> None:
    async def ready() -> LocalBackend:
        return LocalBackend(sandboxed=False)

    service = Generations(run.bus, ready, run.name)
    await service.start()
    answer = await generated(run, request(run, "print('{}')"))
    await service.stop()
    assert "no sandbox" in answer.error and answer.path == ""
