"""Small tasks and a way to run the command line on them. Used by the tests of whole runs."""

from __future__ import annotations

import csv
import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from random import Random
from typing import Any

from protocol.envelope import Envelope
from protocol.ledger import Ledger
from services.run_access import open_journal
from services.run_folder import RunFolder

ROOT = Path(__file__).parents[2]
TINY = ROOT / "examples" / "tiny" / "model"
POSTDOCS = (sys.executable, "-m", "services.cli.main")
METRIC = '''"""The task's own metric: only the last character counts."""


def score(prediction: str, expected: str) -> float:
    return float(prediction.strip()[-1:] == expected.strip()[-1:])
'''


def last_digit_task(
    folder: Path, *, rows: int = 1500, budget: str = "40s", target: float | None = None, chance: bool = False
) -> Path:
    """A task the project has never seen: own CSV and JSONL files, own templates, own metric. Gives the YAML file.

    With `chance` the held-out answers are drawn by lot, so that no model can know them.
    """
    folder.mkdir(parents=True, exist_ok=True)
    rng = Random(0)
    numbers = rng.sample(range(1000, 10000), rows + 260)
    test, dev, train = numbers[:160], numbers[160:260], numbers[260:]
    with (folder / "train.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["number", "digit"])
        writer.writerows([number, number % 10] for number in train)
    for name, part in (("dev", dev), ("test", test)):
        lines = [json.dumps({"number": n, "digit": rng.randrange(10) if chance else n % 10}) for n in part]
        (folder / f"{name}.jsonl").write_text("\n".join(lines) + "\n")
    (folder / "my_metric.py").write_text(METRIC)
    text = f"""
name: last-digit
goal: Name the last digit of a number.
base_model: {TINY}
prompt: "{{number}} ->"
answer: " {{digit}}"
metric: python:my_metric:score
data:
  - {{name: mine, file: train.csv, license: CC0-1.0}}
eval:
  dev: {{file: dev.jsonl}}
  test: {{file: test.jsonl}}
{f"target: {target}" if target else ""}
budget: {{time: {budget}}}
"""
    (folder / "task.yaml").write_text(text)
    return folder / "task.yaml"


def postdocs(*arguments: object, limit: float = 120, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run the command line to its end, with these environment variables beside its own."""
    command = [*POSTDOCS, *map(str, arguments)]
    given: dict[str, Any] = {"cwd": ROOT, "env": os.environ | variables}
    return subprocess.run(command, capture_output=True, text=True, timeout=limit, check=False, **given)


def start(*arguments: object) -> subprocess.Popen[str]:
    """Start the command line in a session of its own, so that a signal reaches it alone."""
    command = [*POSTDOCS, *map(str, arguments)]
    return subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, cwd=ROOT, start_new_session=True
    )


def only_run(runs_dir: Path) -> RunFolder:
    [path] = [path for path in runs_dir.iterdir() if path.is_dir()]
    return RunFolder(path)


def rows(folder: RunFolder) -> list[dict[str, Any]]:
    """The ledger as it stands on disk."""
    return [json.loads(line) for line in folder.ledger.read_text().splitlines()]


async def told(folder: RunFolder) -> list[Envelope]:
    """All that was said in a run, from its journal."""
    async with open_journal(folder) as journal:
        return [envelope async for _, envelope in journal.replay()]


def projected(envelopes: Sequence[Envelope]) -> list[dict[str, Any]]:
    return [json.loads(json.dumps(row)) for row in Ledger(envelopes).rows()]


def alive(pattern: str) -> list[int]:
    """Processes whose command line holds `pattern`."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and int(entry.name) != os.getpid():
            try:
                line = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
            except OSError:
                continue
            if pattern in line:
                found.append(int(entry.name))
    return found
