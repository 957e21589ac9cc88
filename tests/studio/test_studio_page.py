"""docs/studio.md: what its program does is what happens."""

from __future__ import annotations

import asyncio
import re

import pytest

from protocol.control import Tell
from services.run_folder import RunFolder
from tests.runs import crew
from tests.runs.crew import ROOT
from tests.studio.conftest import Studio

PAGE = (ROOT / "docs" / "studio.md").read_text()


def test_the_programs_on_the_page_run_one_after_the_other(studio: Studio, capsys: pytest.CaptureFixture[str]) -> None:
    blocks = re.findall(r"^```python\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
    assert len(blocks) == 4
    names: dict[str, object] = {}
    told = []
    for block in blocks:
        exec(compile(block.replace("http://127.0.0.1:2024", studio.url), "docs/studio.md", "exec"), names)
        told.append(capsys.readouterr().out)
    assert "time: 60s" in told[0]
    assert re.search(r"^ +\w+ \S+ started in", told[1], re.MULTILINE)
    assert {"reviewer |", "curator |", "engineer |"} <= {" ".join(line.split()[:2]) for line in told[1].splitlines()}
    assert re.search(r"^dates-\S+ (better_than_floor|floor_kept|target_\w+)", told[1].splitlines()[-1])
    assert re.fullmatch(r"(dates-\S+)-fork-\w+ comes from \1\n", told[2])
    interrupted, outcome = told[3].split()
    assert outcome in ("better_than_floor", "floor_kept", "target_met", "target_missed")
    journal = asyncio.run(crew.told(RunFolder(studio.runs_dir / interrupted)))
    assert [one.data.text for one in journal if isinstance(one.data, Tell)] == ["prefer LoRA"]
    assert not list(studio.runs_dir.glob(f"{interrupted}-fork-*")), "it goes on as itself"
