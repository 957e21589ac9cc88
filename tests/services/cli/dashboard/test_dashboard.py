"""The full screen, drawn from a whole run and from every moment of it, in many sizes of the terminal."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1]))
from story_of_a_run import Told, opening, trial, whole_story

from protocol import experiment, job
from protocol.control import Tell
from protocol.critique import Critique
from protocol.experiment import Directive
from protocol.ledger import Ledger
from protocol.studio import Approval, ApprovalWanted
from protocol.thought import Thought
from services.cli.dashboard import plot
from services.cli.dashboard.arrange import PAGES, screen
from services.cli.dashboard.frame import Frame
from services.cli.dashboard.keys import split
from services.cli.dashboard.picture import draw, frame_at

FOLDER = Path("/runs/x")


def told() -> Told:
    """A run whose floor is banked."""
    said = Told("r")
    opening(said, FOLDER)
    return said


def seen(said: Told, width: int = 120, height: int = 40, page: str = "all", after: float = 0) -> str:
    """The screen `after` seconds later."""
    frame = frame_at(said.run, said.envelopes, None)
    going = Frame(said.run, frame.ledger, frame.said, frame.now + after)
    return "\n".join(line.plain for line in screen(going, width, height, page))


def whole(width: int = 120, height: int = 40, page: str = "all", length: int | None = None) -> str:
    frame = frame_at("dates-0301-a1b2", whole_story(FOLDER)[:length], None)
    return "\n".join(line.plain for line in screen(frame, width, height, page))


@pytest.mark.parametrize(("width", "height"), [(20, 5), (59, 15), (80, 24), (100, 60), (120, 30), (200, 70)])
@pytest.mark.parametrize("length", [0, 1, 9, 15, 22, None])
def test_the_screen_has_the_size_of_the_terminal_on_every_page(width: int, height: int, length: int | None) -> None:
    frame = frame_at("r", whole_story(FOLDER)[:length], None)
    for page in PAGES:
        rows = screen(frame, width, height, page)
        assert len(rows) == height
        assert {row.cell_len for row in rows} == {width}


def test_what_is_wide_does_not_push_the_border_aside() -> None:
    said = told()
    said.say("user", Tell(text="日付を読む" * 30))
    for width in (79, 80, 120):
        rows = screen(frame_at("r", said.envelopes, None), width, 40)
        assert {row.cell_len for row in rows} == {width}


def test_80_by_24_shows_scores_experiments_dialogue_and_how_it_stands() -> None:
    text = whole(80, 24)
    assert "target met" in text and "floor 0.020" in text and "ships e3 0.880" in text
    assert "── dev score over time" in text and "target 0.850" in text and "●" in text and "┏" in text
    assert "★ e3 0.880 ships" in text
    assert "✗ e2 killed" in text
    assert "given up: 2 in a row" in text
    assert "8000 rows of clean, not contaminated" in text
    assert "target met: ships e3, test 0.871" in text  # the dialogue's last line
    assert "q quits" in text


def test_a_wide_screen_shows_the_data_and_the_budgets_too() -> None:
    text = whole(140, 40)
    assert "✗ leaking left out: leaking  300 of 8000 rows" in text
    assert "time       ━━━━━━━╌╌╌╌╌ 3:01 of 5:00" in text
    assert "91 % busy" in text
    assert "the playbook decides" in text


def test_every_panel_is_named_alone_on_its_page() -> None:
    for page, title in (
        ("data", "── data ──"),
        ("jobs", "── jobs ──"),
        ("experiments", "── strategies and experiments"),
    ):
        text = whole(80, 24, page)
        assert title in text and text.count("── ") == 1


def test_a_running_job_shows_how_far_it_is_and_its_curve() -> None:
    said = told()
    said.say("engineer", experiment.Proposals(proposals=(trial("e1", "h"), trial("e2", "h"))))
    who = {"job": "j-e1", "experiment": "e1"}
    spec = job.JobSpec(files={}, argv=("sft.py",), seconds=30)
    said.say("crew", job.Job(id="j-e1", run="r", experiment="e1", folder="/x", spec=spec))
    said.say("worker", job.JobAccepted(**who, at=said.at, worker="w", device="cpu"))
    assert "loading" in seen(said, after=2)
    for step in range(1, 6):
        values = {"loss": 2.0 / step}
        said.say("worker", job.JobMetric(**who, at=said.at, step=10 * step, max_steps=100, values=values))
    compact = seen(said, 80, 24, after=9)
    assert "0:15/0:30  step 50/100  loss 0.400  █" in compact
    assert "waiting: e2" in compact
    roomy = seen(said, 120, 40, after=9)
    assert " 2.00┤" in roomy and " 0.40┤" in roomy and any("\u2801" <= char <= "\u28ff" for char in roomy)


def test_what_waits_for_the_user_is_the_first_thing_to_see_and_is_gone_when_answered() -> None:
    said = told()
    said.say("graph", ApprovalWanted(about="the task", shown="…"))
    assert "waits for you  the task: postdocs approve r" in seen(said, 80, 24).splitlines()[3]
    assert Ledger(said.envelopes).waiting == {"the task": "…"}
    said.say("user", Approval(about="the task", yes=True))
    assert "waits for you" not in seen(said, 80, 24)
    assert not Ledger(said.envelopes).waiting


def test_what_minds_spend_stands_against_their_budget() -> None:
    said = told()
    thought = Thought(
        role="engineer", model="m", asked="propose_request", calls=2, tool_calls=1,
        prompt_tokens=9000, completion_tokens=1000, usd=0.5, seconds=3,
    )  # fmt: skip
    said.say("engineer", thought)
    text = seen(said, 80, 24, "budgets")
    assert "10,000, without limit" in text and "0.50, without limit" in text
    assert "engineer" in text
    assert "minds: 10,000 tokens, $0.50" in text


def test_of_many_experiments_the_way_of_what_ships_and_the_latest_are_shown() -> None:
    said = told()
    said.say("engineer", experiment.Proposals(proposals=tuple(trial(f"t{n}", "h") for n in range(40))))
    directive = Directive(kind="explore", reason="r")
    for number in range(39):
        said.say("critic", Critique(experiment=f"t{number}", verdict="reject", reason="no", directive=directive))
    text = seen(said, 80, 24)
    assert "more on page 3" in text and "t39" in text and "t3 " not in text
    assert "t3 " in seen(said, 80, 60, "experiments")


def test_pages_scroll_the_dialogue_from_its_end_and_others_from_their_top() -> None:
    frame = frame_at("r", whole_story(FOLDER), None)
    first, last = "the run begins", "target met: ships"
    at_end = "\n".join(line.plain for line in screen(frame, 80, 12, "dialogue"))
    at_top = "\n".join(line.plain for line in screen(frame, 80, 12, "dialogue", scroll=999))
    assert last in at_end and last not in at_top
    assert "Write a date as ISO 8601" in at_top.split("── dialogue")[1] and first not in at_end


def test_what_a_model_says_cannot_steer_the_screen() -> None:
    said = told()
    said.say("engineer", experiment.Proposals(proposals=(trial("e1", "\x1b[2J\x07[red]x[/red]\nnext"),)))
    for page in PAGES:
        assert not set("\x1b\x07") & set(seen(said, page=page))
        assert len(seen(said, page=page).splitlines()) == 40


def test_the_plot_puts_scores_at_their_time_and_height() -> None:
    points = [plot.Point(0, 0.0, "a", ""), plot.Point(50, 0.5, "b", ""), plot.Point(100, 1.0, "c", "")]
    rows = [line.plain for line in plot.over_time(points, [(0, 0.0), (50, 0.5)], [], 100, 27, 12)]
    assert rows[0].startswith(" 1.00┤") and rows[0].rstrip().endswith("c")
    assert rows[10].startswith(" 0.00┤a")
    assert rows[5].startswith(" 0.50┤") and rows[5][16] == "b" and rows[5][17:27] == "━" * 10
    assert rows[11].split() == ["0:00", "0:50", "1:40"]


def test_a_score_that_hardly_moves_is_not_drawn_as_a_rise() -> None:
    points = [plot.Point(0, 0.5, "a", ""), plot.Point(100, 0.501, "b", "")]
    rows = [line.plain for line in plot.over_time(points, [], [], 100, 40, 12)]
    assert next(row for row in rows if "a" in row) == next(row for row in rows if "b" in row)


def test_a_curve_falls_from_left_to_right() -> None:
    rows = [line.plain for line in plot.curve([4.0, 3.0, 2.0, 1.0], 30, 4)]
    assert rows[0].startswith(" 4.00┤") and rows[-1].startswith(" 1.00┤")
    assert rows[0][6] != "\u2800" and rows[-1][-1] != "\u2800"
    assert plot.sparkline([4.0, 3.0, 2.0, 1.0], 4) == "█▆▃▁"
    assert plot.sparkline([2.0, 1.0], 5) == "█▆▅▃▁"
    assert plot.curve([1.0], 30, 4) == [] and plot.sparkline([], 9) == ""


def test_several_keys_that_come_at_once_are_several() -> None:
    assert split("\x1b[Ajq3\x1b[6~") == ["up", "down", "quit", "3", "page_down"]


def test_a_moment_of_a_run_becomes_a_picture(tmp_path: Path) -> None:
    draw("dates", whole_story(FOLDER), tmp_path / "watch.svg", at=60)
    svg = (tmp_path / "watch.svg").read_text()
    assert "e1" in svg and "e4" not in svg and "postdocs&#160;watch" in svg
