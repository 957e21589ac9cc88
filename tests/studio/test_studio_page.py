"""docs/studio.md: what its program does is what happens."""

from __future__ import annotations

import re

import pytest

from tests.runs.crew import ROOT
from tests.studio.conftest import Studio

PAGE = (ROOT / "docs" / "studio.md").read_text()


def test_the_programs_on_the_page_run_one_after_the_other(studio: Studio, capsys: pytest.CaptureFixture[str]) -> None:
    blocks = re.findall(r"^```python\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
    assert len(blocks) == 3
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
