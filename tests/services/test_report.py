"""The report: every section from the ledger alone, and none that fails because a run stopped early."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from protocol.ledger import Ledger
from services.report import write_report
from services.report_experiments import sparkline, tree
from services.report_facts import why_it_won
from services.run_folder import RunFolder

sys.path.insert(0, str(Path(__file__).parent / "cli"))
from story_of_a_run import Told, experiments, opening, trial, whole_story

from protocol.experiment import Proposals


def test_the_whole_story_is_in_the_report(tmp_path: Path) -> None:
    path = write_report(Ledger(whole_story(tmp_path)), RunFolder(tmp_path))
    text = path.read_text()
    for told in (
        "**e3** ships (target met)",
        "| e3 | test (sealed, read once) | 0.871 [0.841, 0.901] | 1000 |",
        "[Hu et al., 2021: LoRA](https://arxiv.org/abs/2106.09685)",
        "**leaking**, the whole source, leaking: 300 of 8000 rows stand in test",
        "Contamination verdict: **clean**",
        "| └ **e3** ★ | sft | 1 | longer training goes on climbing",
        "- **lora**: 2 in a row without +0.010",
        "paired test: +0.270 [+0.230, +0.310] against e1 (200 items won, 12 lost of 500, p < 0.0001)",
        "repeats of one recipe differ by a standard deviation of 0.007",
        "| device busy, first job to report | 91.0 % |",
        "postdocs replay",
    ):
        assert told in text
    assert path.name == "report.md"
    assert not list(tmp_path.glob("*.draft"))


@pytest.mark.parametrize("length", range(0, 60, 3))
def test_a_run_that_stopped_anywhere_has_a_report(tmp_path: Path, length: int) -> None:
    ledger = Ledger(whole_story(tmp_path)[:length])
    text = write_report(ledger, RunFolder(tmp_path)).read_text()
    assert text.startswith("# ")
    assert "## Limits" in text


def test_a_run_without_a_better_model_says_that_the_floor_ships(tmp_path: Path) -> None:
    told = Told("r")
    opening(told, tmp_path)
    assert "the floor itself ships" in why_it_won(Ledger(told.envelopes))[0]


def test_the_ancestors_of_the_winner_are_no_rivals(tmp_path: Path) -> None:
    told = Told("r")
    opening(told, tmp_path)
    experiments(told)
    lines = why_it_won(Ledger(told.envelopes))
    rivals = lines[lines.index("The next best:") + 1 :]
    assert [line.split()[0] for line in rivals] == ["e4"]


def test_a_lineage_that_loops_is_told_once(tmp_path: Path) -> None:
    told = Told("r")
    told.say(
        "engineer", Proposals(proposals=(trial("a", "x", parent="b"), trial("b", "y", parent="a"), trial("c", "z")))
    )
    assert sorted(entry.experiment.id for entry, _ in tree(Ledger(told.envelopes))) == ["a", "b", "c"]


def test_a_bar_in_a_hypothesis_does_not_break_the_table(tmp_path: Path) -> None:
    told = Told("r")
    told.say("engineer", Proposals(proposals=(trial("a", "x | y\nz"),)))
    text = write_report(Ledger(told.envelopes), RunFolder(tmp_path)).read_text()
    assert "x \\| y z" in text


def test_the_sparkline_has_a_bar_a_value() -> None:
    assert sparkline([0.0, 0.5, 1.0]) == "▁▅█"
