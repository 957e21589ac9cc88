"""The live view, on a terminal and in a pipe, fed with a whole run."""

from __future__ import annotations

import io
from pathlib import Path

from rich.console import Console
from story_of_a_run import whole_story

from protocol.control import RunEnded, Tell
from protocol.envelope import wrap
from protocol.ledger import Ledger
from services.cli import ending
from services.cli.dialogue import clock, line
from services.cli.live import LiveView


def shown(terminal: bool, verbose: bool = False, silent: bool = False, length: int | None = None) -> str:
    out = io.StringIO()
    console = Console(file=out, force_terminal=terminal, width=100, markup=False, highlight=False)
    ledger = Ledger()
    with LiveView(console, verbose=verbose, silent=silent) as view:
        for sequence, envelope in enumerate(whole_story(Path("/runs/x"))[:length], start=1):
            ledger.apply(envelope)
            view.on_envelope(sequence, envelope, ledger)
        if terminal and view._live:
            view._live.refresh()
    return out.getvalue()


def test_a_pipe_gets_plain_lines_of_the_dialogue_only() -> None:
    text = shown(terminal=False)
    assert "\x1b" not in text
    assert "worker → crew: e1 trained 400 steps in 20 s, loss 0.200" in text
    assert "leaderboard" not in text
    assert "step 200/400" not in text
    assert "what is known about" not in text


def test_verbose_shows_every_message() -> None:
    text = shown(terminal=False, verbose=True)
    assert "step 200/400" in text
    assert "crew → reviewer: what is known about" in text


def test_a_terminal_shows_leaderboard_standing_and_time() -> None:
    text = shown(terminal=True)
    assert "★" in text
    assert "target 0.850" in text
    assert "3:01 spent, 1:59 left of 5:00" in text


def test_a_running_job_has_a_bar_with_step_and_loss() -> None:
    stop = next(i for i, e in enumerate(whole_story(Path("/x")), start=1) if e.data.type == "job_metric")
    text = shown(terminal=True, length=stop)
    assert "200/400" in text
    assert "loss 0.900" in text


def test_silent_says_nothing_but_learns_the_run() -> None:
    assert shown(terminal=True, silent=True) == ""


def test_what_a_model_says_cannot_steer_the_terminal() -> None:
    said = wrap(Tell(text="\x1b[2Jgone [red]x[/red]\nnext"), run="r", sender="user")
    assert line(said, 75).plain == "   1:15  user → crew:  [2Jgone [red]x[/red] next"


def test_the_clock_is_read_at_a_glance() -> None:
    assert [clock(s) for s in (0, 75, 3725)] == ["0:00", "1:15", "1:02:05"]


def end(**changes: object) -> RunEnded:
    said = whole_story(Path("/runs/x"))[-1].data
    assert isinstance(said, RunEnded)
    return said.model_copy(update=changes)


def test_exit_codes_follow_target_and_outcome() -> None:
    assert ending.exit_code(end()) == 0
    assert ending.exit_code(end(outcome="target_missed")) == 3
    assert ending.exit_code(end(outcome="better_than_floor", target=None)) == 0
    assert ending.exit_code(end(outcome="floor_kept", target=None)) == 3


def test_the_json_of_an_ending_has_the_promised_keys() -> None:
    told = ending.as_json("r", end())
    promised = {
        "run",
        "floor",
        "dev",
        "test",
        "interval",
        "target_met",
        "experiments",
        "seconds",
        "busy",
        "final_model",
    }
    assert promised | {"killed", "promoted", "outcome"} <= set(told)
    assert told["interval"] == [0.841, 0.901]
    assert ending.as_json("r", end(target=None))["target_met"] is None
