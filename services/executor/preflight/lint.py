"""Ruff's rules for what is wrong, not for what is ugly (https://docs.astral.sh/ruff/rules/#pyflakes-f)."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator

from protocol.preflight import Flaw
from services.executor.preflight.script import Script

RULES = "E9,F"
HARMLESS = "F401,F541,F841"
"""Unused imports and variables, f-strings without a placeholder: untidy, but they run."""
SECONDS = 20.0
_SAID = (0, 1)
"""Its exit codes without and with findings; with another it has failed itself."""


def lint(script: Script) -> Iterator[Flaw]:
    """What ruff says; nothing where it is not installed."""
    try:
        from ruff import find_ruff_bin  # type: ignore[import-untyped]

        binary = find_ruff_bin()
    except (ImportError, FileNotFoundError):
        return
    command = [binary, "check", "--isolated", "--no-cache", "--select", RULES, "--ignore", HARMLESS]
    done = subprocess.run(
        [*command, "--output-format", "json", "--stdin-filename", script.name, "-"],
        input=script.text,
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    found_by_it = json.loads(done.stdout or "[]") if done.returncode in _SAID else []
    for found in found_by_it:
        yield Flaw(stage="lint", told=f"{script.name}:{found['location']['row']}: {found['message']} ({found['code']})")
