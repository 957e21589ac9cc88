"""The demo's model is rebuilt from its bundle by a stranger: in another folder, a new environment made from the
bundle's own pins, with nothing in the environment. Takes minutes and a package index: `make test-bundle`."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from services.bundle.rerun import AGREES, DIFFERS

ROOT = Path(__file__).parents[2]
POSTDOCS = (sys.executable, "-m", "services.cli.main")


@pytest.mark.slow
def test_a_stranger_rebuilds_the_demos_model_and_sees_when_a_byte_is_another(tmp_path: Path) -> None:
    runs = tmp_path / "runs"
    command = [*POSTDOCS, "run", "examples/dates/task.yaml", "--runs-dir", str(runs)]
    demo = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert demo.returncode in (0, 3), demo.stderr  # on a busy machine it may miss its target
    [bundle] = runs.glob("*/bundle")
    away = tmp_path / "a stranger's"
    shutil.copytree(bundle, away)
    shutil.rmtree(runs)

    rebuilt = run_sh(away)
    assert rebuilt.returncode == AGREES, rebuilt.stdout + rebuilt.stderr
    assert (away / ".venv" / "bin" / "python").exists()
    assert "test: " in rebuilt.stdout and "agrees: it lies in the interval" in rebuilt.stdout

    rows = next((away / "data").glob("mixture-*.jsonl"))
    content = bytearray(rows.read_bytes())
    content[len(content) // 2] ^= 1
    rows.write_bytes(content)
    for found in (run_sh(away), subprocess.run([*POSTDOCS, "verify", str(away)], capture_output=True, text=True)):
        assert found.returncode == DIFFERS
        assert f"data/{rows.name} was changed: its sha256 is " in found.stdout
        assert "step 1" not in found.stdout


def run_sh(bundle: Path) -> subprocess.CompletedProcess[str]:
    """With nothing in the environment, from another folder."""
    return subprocess.run([bundle / "run.sh"], cwd="/", env={}, capture_output=True, text=True)
