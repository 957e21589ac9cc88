"""Whole runs with a crew of their own: a role that was written and installed, one of the project, one that replaces the
Critic, no Reviewer, one that is nowhere. Not a line of ours is changed for any of them."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import sysconfig
import venv
from pathlib import Path

import pytest

from protocol.advice import Advice, AdviceRequest, NotHeard
from protocol.brief import Brief
from protocol.critique import Critique
from protocol.envelope import Envelope
from protocol.foreign import Foreign
from protocol.research import Review
from services.run_folder import RunFolder
from tests.runs import crew

pytestmark = pytest.mark.slow
LIBRARIAN = '''"""Knows a book for every number: on call."""

from typing import Literal

from agents.role import Ask, Role
from protocol.message import Message


class BookRequest(Message):
    type: Literal["librarian.book_request"] = "librarian.book_request"
    number: int


class Book(Message):
    type: Literal["librarian.book"] = "librarian.book"
    title: str


async def book(request: BookRequest, ask: Ask) -> Book:
    return Book(title=f"On the number {request.number}")


ROLE = Role(name="librarian", about="knows books", playbook={BookRequest: book})
'''
SCRIBE = '''"""Asks the librarian, and says what it was told."""

from typing import Literal

from agents.role import Ask, Role
from protocol.advice import Advice, AdviceRequest
from protocol.message import Message


class BookRequest(Message):
    type: Literal["librarian.book_request"] = "librarian.book_request"
    number: int


async def advise(request: AdviceRequest, ask: Ask) -> Advice:
    answer = await ask("librarian", BookRequest(number=request.number))
    return Advice(text=f"Read {answer.body['title']!r} after {request.place}.")


ROLE = Role(name="scribe", about="writes", after="curator", playbook={AdviceRequest: advise})
'''
STRICT = '''"""A Critic that has seen enough after one experiment: what is under way is judged, and the run ends."""

from agents.critic.role import critique
from agents.role import Ask, Role
from protocol.critique import Critique, CritiqueRequest
from protocol.experiment import Directive


async def judge(request: CritiqueRequest, ask: Ask) -> Critique:
    usual = await critique(request, ask)
    return usual.model_copy(update={"directive": Directive(kind="stop", reason="enough is enough")})


ROLE = Role(name="strict", about="a Critic", playbook={CritiqueRequest: judge})
'''
CREW = """
crew:
  without: [reviewer]
  replace: {critic: strict}
  add:
    nobody_there: {after: engineer, elsewhere: true}
"""


@pytest.fixture(scope="module")
def python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A Python of its own that sees what this one has, where the statistician was written and installed as the
    documentation says."""
    place = tmp_path_factory.mktemp("venv")
    venv.create(place, with_pip=False, symlinks=True)
    made = place / "bin" / "python"
    (place / "bin" / "nats-server").symlink_to(Path(sysconfig.get_path("scripts")) / "nats-server")
    packages = subprocess.check_output(
        [made, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"], text=True
    ).strip()
    (Path(packages) / "ours.pth").write_text(f"{sysconfig.get_path('purelib')}\n{crew.ROOT}\n")
    package = tmp_path_factory.mktemp("statistician")
    _run(made, "-m", "services.cli.main", "roles", "new", "statistician", folder=package)
    pip = ("-m", "pip", "--python", made, "install", "--quiet", "--no-deps", "--no-build-isolation", "-e", ".")
    _run(Path(sys.executable), *pip, folder=package)
    assert "3 passed" in _run(made, "-m", "pytest", "-q", "-p", "no:cacheprovider", folder=package).stdout
    return made


def _run(
    python: Path, *arguments: object, folder: Path, limit: float = 120, ends: tuple[int, ...] = (0,)
) -> subprocess.CompletedProcess[str]:
    command = [str(python), *map(str, arguments)]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=limit)
    assert done.returncode in ends, done.stdout + done.stderr
    return done


@pytest.fixture(scope="module")
def run(python: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[RunFolder, list[Envelope], str]:
    place = tmp_path_factory.mktemp("run")
    task = crew.last_digit_task(place / "task", rows=400, budget="2m")
    task.write_text(task.read_text() + CREW)
    (place / "task" / "roles").mkdir()
    for name, text in (("librarian", LIBRARIAN), ("scribe", SCRIBE), ("strict", STRICT)):
        (place / "task" / "roles" / f"{name}.py").write_text(text)
    argv = ("-m", "services.cli.main", "run", task, "--runs-dir", place / "runs")
    told = _run(python, *argv, folder=place, limit=240, ends=(0, 3))  # 3: it has not beaten the floor
    folder = crew.only_run(place / "runs")
    return folder, asyncio.run(crew.told(folder)), told.stdout


def test_it_ships_a_model_without_the_reviewer(run: tuple[RunFolder, list[Envelope], str]) -> None:
    folder, envelopes, _ = run
    assert not [one for one in envelopes if isinstance(one.data, Review) or one.recipient == "reviewer"]
    assert (folder.final_model / "config.json").is_file()
    ended = json.loads((folder.root / "ended.json").read_text())
    assert ended["outcome"] in ("better_than_floor", "floor_kept") and ended["test"]["n"] == 160


def test_the_first_lines_say_whose_code_takes_part(run: tuple[RunFolder, list[Envelope], str]) -> None:
    _, envelopes, told = run
    [brief] = [one.data for one in envelopes if isinstance(one.data, Brief)]
    lines = told.splitlines()[1 : 1 + len(brief.crew.told())]
    for line in (
        "  role: without reviewer",
        "  role: statistician after critic (postdocs-statistician 0.1.0)",
        f"  role: scribe after curator ({brief.task_folder}/roles/scribe.py)",
        f"  role: librarian on call ({brief.task_folder}/roles/librarian.py)",
        f"  role: strict in place of critic ({brief.task_folder}/roles/strict.py)",
        "  role: nobody_there after engineer (elsewhere)",
    ):
        assert line in lines


def test_each_speaks_at_its_place(run: tuple[RunFolder, list[Envelope], str]) -> None:
    _, envelopes, told = run
    advice = [one for one in envelopes if isinstance(one.data, Advice)]
    critiques = [one for one in envelopes if isinstance(one.data, Critique)]
    assert {one.sender for one in advice} == {"scribe", "statistician"}
    assert len([one for one in advice if one.sender == "statistician"]) == len(critiques) > 0
    assert {one.sender for one in critiques} == {"strict"}
    places = {one.recipient: one.data.place for one in envelopes if isinstance(one.data, AdviceRequest)}
    assert places == {"scribe": "curator", "statistician": "critic", "nobody_there": "engineer"}
    asked = {one.causation for one in advice}
    assert len(asked) == len(advice), "each question is answered once"
    assert "statistician → graph: " in told and " above the floor after " in told


def test_one_on_call_is_asked_by_another_and_both_are_in_the_dialogue(
    run: tuple[RunFolder, list[Envelope], str],
) -> None:
    _, envelopes, told = run
    foreign = [(one.sender, one.recipient, one.data.kind) for one in envelopes if isinstance(one.data, Foreign)]
    assert ("scribe", "librarian", "librarian.book_request") in foreign
    assert ("librarian", "scribe", "librarian.book") in foreign
    assert "Read 'On the number 1' after curator." in told


def test_one_that_is_nowhere_holds_nothing_up(run: tuple[RunFolder, list[Envelope], str]) -> None:
    missed = [one.data for one in run[1] if isinstance(one.data, NotHeard)]
    assert missed and {one.role for one in missed} == {"nobody_there"}
    assert "no instance of it is on the bus" in missed[0].reason


def test_what_they_said_is_in_report_show_and_replay(run: tuple[RunFolder, list[Envelope], str], python: Path) -> None:
    folder = run[0]
    for text in (folder.report.read_text(), folder.report_html.read_text()):
        assert "above the floor after" in text and "statistician" in text and "nobody_there" in text
    for command in ("show", "replay"):
        arguments = ("-m", "services.cli.main", command, folder.id, "--runs-dir", folder.root.parent)
        shown = _run(python, *arguments, folder=folder.root).stdout
        assert "statistician" in shown and "above the floor after" in shown, command
    asked = ("ask", folder.id, "librarian", "which book?", "--runs-dir", folder.root.parent)
    assert "book" in _run(python, "-m", "services.cli.main", *asked, folder=folder.root).stdout


def test_it_is_listed_where_it_is_installed_and_not_elsewhere(python: Path, tmp_path: Path) -> None:
    listed = json.loads(_run(python, "-m", "services.cli.main", "roles", "--json", folder=tmp_path).stdout)
    [row] = [row for row in listed if row["name"] == "statistician"]
    assert (row["stands"], row["from"]) == ("after critic", "postdocs-statistician 0.1.0")
    assert "statistician" not in _run(Path(sys.executable), *crew.POSTDOCS[1:], "roles", folder=crew.ROOT).stdout
