"""Runs the bundled tasks as a user would, and holds their figures against what they must reach.

    python benchmarks/acceptance.py [--banking77 DIR]       (DIR holds train.csv and test.csv)

`make accept`. Prints one JSON object; exit code 1 when a figure falls short.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
SLACK_SECONDS = 30.0
"""How much longer than its budget a run may take, all told."""
BUSY = 0.85


def run(task: str, budget: float, folder: str, *more: str) -> dict[str, Any]:
    """One run's figures, and its wall time."""
    command = [sys.executable, "-m", "services.cli.main", "run", f"examples/{task}/task.yaml", "--json"]
    command += ["--budget", f"{budget:.0f}s", "--runs-dir", folder, *more]
    begun = time.monotonic()
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, timeout=budget + 300, check=False)
    if not done.stdout:
        sys.exit(done.stderr)
    told: dict[str, Any] = json.loads(done.stdout)
    return told | {"wall": round(time.monotonic() - begun, 1), "budget": budget}


def shortfalls(told: dict[str, Any], floor: float, test: float) -> list[str]:
    """What the figures lack."""
    checks = {
        f"floor {told['floor']:.3f} is above {floor}": told["floor"] <= floor,
        f"test {told['test']:.3f} is below {test}": told["test"] >= test,
        f"wall {told['wall']} s is beyond the budget": told["wall"] <= told["budget"] + SLACK_SECONDS,
        f"busy {told['busy']:.2f} is below {BUSY}": told["busy"] >= BUSY,
    }
    return [what for what, holds in checks.items() if not holds]


def main(args: argparse.Namespace) -> int:
    with tempfile.TemporaryDirectory() as folder:
        told = {"dates": run("dates", 300, folder)}
        lacking = shortfalls(told["dates"], floor=0.10, test=0.85)
        if args.banking77:
            told["banking77"] = run("banking77", 360, folder, "--data", str(args.banking77))
            lacking += shortfalls(told["banking77"], floor=0.10, test=0.70)
    print(json.dumps(told | {"lacking": lacking}))
    return 1 if lacking else 0


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--banking77", type=Path, help="folder with train.csv and test.csv; left out without it")
    sys.exit(main(parser.parse_args()))
