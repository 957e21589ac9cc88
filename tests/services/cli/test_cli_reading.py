"""The commands that look at a run: from its files, or from its journal over a real bus."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from runs_on_disk import UNENDED, Cli
from story_of_a_run import RUN


def test_runs_tells_the_state_of_each(cli: Cli) -> None:
    rows = json.loads(cli("runs", "--json").stdout)
    assert [(row["run"], row["state"]) for row in rows] == [(RUN, "target met"), (UNENDED, "stopped, resumable")]
    assert (rows[0]["floor"], rows[0]["test"], rows[0]["experiments"]) == (0.02, 0.871, 4)
    assert "target met" in cli("runs").stdout


def test_runs_outlives_a_half_written_folder(cli: Cli, runs_dir: Path) -> None:
    broken = runs_dir / "broken"
    broken.mkdir()
    (broken / "brief.json").write_text('{"task": ')
    try:
        assert {row["run"] for row in json.loads(cli("runs", "--json").stdout)} == {RUN, UNENDED, "broken"}
        assert cli("runs").exit_code == 0
    finally:
        (broken / "brief.json").unlink()
        broken.rmdir()


def test_show_gives_leaderboard_data_and_verdicts(cli: Cli) -> None:
    told = cli("show", RUN).stdout
    assert "★  e3" in told
    assert "0.880 [0.850, 0.910]" in told
    assert "✗ leaking (leaking): 300 of 8000 rows stand in test" in told
    assert "the gate refuses e4" in told
    assert "e2: killed lost its rung" in told


def test_show_json_has_the_ledger(cli: Cli) -> None:
    facts = json.loads(cli("show", RUN, "--json").stdout)
    assert facts["incumbent"] == "e3"
    assert [row["experiment"]["id"] for row in facts["experiments"]] == ["e1", "e2", "e3", "e4"]
    assert facts["data_plan"]["rejected"][0]["fault"] == "leaking"
    assert facts["ended"]["outcome"] == "target_met"


def test_replay_tells_why_the_winner_won(cli: Cli) -> None:
    told = cli("replay", RUN).stdout
    headings = [line for line in told.splitlines() if line.startswith("── ")]
    assert [h.split("── ")[1].split(":")[0].strip() for h in headings] == [
        "The question", "What is known", "The data", "The floor", "Round 1", "Round 2", "Round 3", "The sealed test",
        "The end", "Why it won",
    ]  # fmt: skip
    assert "e3 (sft, rung 1, from e1, 30 s): longer training goes on climbing" in told
    assert "+0.270 [+0.230, +0.310] against e1 (200 items won, 12 lost of 500, p < 0.0001)" in told
    end = told[told.index("Why it won") :]
    assert end.index("1. e1") < end.index("2. e3") < end.index("The gate admitted it over e1") < end.index("e4 0.890")
    assert "[if you can]" in told  # what people write is never read as markup


def test_replay_leaves_out_figures_in_passing_unless_asked(cli: Cli) -> None:
    assert "step 200/400" not in cli("replay", RUN).stdout
    assert "step 200/400" in cli("replay", RUN, "-v").stdout


def test_replay_json_is_one_document(cli: Cli) -> None:
    told = json.loads(cli("replay", RUN, "--json").stdout)
    assert told["winner"] == "e3"
    assert [said["sequence"] for said in told["dialogue"]] == list(range(1, len(told["dialogue"]) + 1))


def test_watch_ends_with_a_run_that_has_ended(cli: Cli) -> None:
    told = cli("watch", RUN).stdout
    assert "engineer → crew: e3: longer training goes on climbing" in told
    assert "0.871 [0.841, 0.901]  sealed, read once, n=1000" in told


def test_watch_says_that_a_stopped_run_can_be_resumed(cli: Cli) -> None:
    assert f"postdocs resume {UNENDED}" in cli("watch", UNENDED).stdout


def test_watch_json_is_one_message_a_line(cli: Cli) -> None:
    lines = [json.loads(line) for line in cli("watch", RUN, "--json").stdout.splitlines()]
    assert lines[-1]["data"]["type"] == "run_ended"


def test_report_is_written_where_it_is_missing(cli: Cli, runs_dir: Path) -> None:
    (runs_dir / RUN / "report.md").unlink(missing_ok=True)
    told = cli("report", RUN).stdout
    assert told.splitlines()[0] == str((runs_dir / RUN / "report.md").resolve())
    assert "## Why the winner won" in told


def test_report_html_says_where_the_page_is(cli: Cli, runs_dir: Path) -> None:
    (runs_dir / RUN / "report.html").unlink(missing_ok=True)
    told = cli("report", RUN, "--html").stdout
    assert told == f"{(runs_dir / RUN / 'report.html').resolve()}\n"
    assert "<h2>Why the winner won</h2>" in Path(told.strip()).read_text()


def test_report_is_not_written_twice(cli: Cli, runs_dir: Path) -> None:
    cli("report", RUN)
    (runs_dir / RUN / "report.md").write_text("# mine\n")
    assert json.loads(cli("report", RUN, "--json").stdout)["markdown"] == "# mine\n"


def test_a_run_is_found_by_the_beginning_of_its_name(cli: Cli) -> None:
    assert json.loads(cli("show", "date", "--json").stdout)["run"] == RUN
    assert json.loads(cli("show", "--json").stdout)["run"] == UNENDED


@pytest.mark.parametrize("command", ["show", "watch", "replay", "report", "cancel", "resume"])
def test_an_unknown_run_is_bad_input_in_one_sentence(cli: Cli, command: str) -> None:
    done = cli(command, "nobody")
    assert done.exit_code == 2
    assert done.stderr.startswith("postdocs: no run 'nobody' in ")
    assert RUN in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert done.stdout == ""
