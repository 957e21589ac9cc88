"""Who takes part in a run: what is found, what a task changes, and what is wrong with that."""

from __future__ import annotations

from pathlib import Path

import pytest

from agents import registry
from protocol.crew import Crew, CrewPlan
from protocol.errors import BadInput
from services.casting import cast, served_here
from services.task_file import load_task
from tests.runs import crew

ROLE = '''"""Doubts."""

from agents.role import Ask, Role
from protocol.advice import Advice, AdviceRequest
from protocol.critique import Critique, CritiqueRequest


async def advise(request: AdviceRequest, ask: Ask) -> Advice:
    return Advice(text="I doubt it.")


ROLE = Role(name="{name}", about="doubts", after={after!r}, playbook={{{request}: advise}})
'''


def write(folder: Path, name: str, after: str | None = "critic", request: str = "AdviceRequest") -> Path:
    path = folder / "roles" / f"{name}.py"
    path.parent.mkdir(exist_ok=True)
    path.write_text(ROLE.format(name=name, after=after, request=request))
    return path


def plan(**fields: object) -> CrewPlan:
    return CrewPlan.model_validate(fields)


def placed(found: Crew) -> dict[str, str | None]:
    return {member.role: member.after for member in found.members}


def test_a_file_in_the_projects_roles_stands_where_it_says_and_it_is_told_where_it_comes_from(tmp_path: Path) -> None:
    path = write(tmp_path, "skeptic")
    write(tmp_path, "librarian", after=None)
    (tmp_path / "roles" / "_shared.py").write_text("raise SystemExit('not a role')")
    found = cast(CrewPlan(), tmp_path)
    assert placed(found) == {"librarian": None, "skeptic": "critic"}
    assert f"skeptic after critic ({path})" in found.told()
    assert "librarian on call" in found.told()[0]
    assert served_here(found) == [
        "--roles", "reviewer,curator,engineer,experimentalist,critic", "--guests", "librarian,skeptic",
        "--file", str(path.with_name("librarian.py")), "--file", str(path),
    ]  # fmt: skip


def test_a_task_changes_the_place_and_leaves_out_and_replaces(tmp_path: Path) -> None:
    for name in ("skeptic", "scribe"):
        write(tmp_path, name)
    write(tmp_path, "strict", after=None, request="CritiqueRequest")
    changes = plan(
        without=["reviewer", "scribe"],
        replace={"critic": "strict"},
        add={"skeptic": {"after": "curator"}, "timekeeper": {"after": "skeptic", "elsewhere": True}},
    )
    found = cast(changes, tmp_path)
    assert placed(found) == {"skeptic": "curator", "strict": None, "timekeeper": "skeptic"}
    assert found.after("curator") == ("skeptic", "timekeeper")
    assert (found.answering("critic"), found.answering("engineer")) == ("strict", "engineer")
    needed, guests = served_here(found)[1], served_here(found)[3]
    assert needed == "curator,engineer,experimentalist,strict", "the timekeeper is elsewhere, the reviewer left out"
    assert guests == "skeptic"
    told = " / ".join(found.told())
    assert "without reviewer" in told and "strict in place of critic" in told and "timekeeper after skeptic" in told


def test_files_of_a_project_are_not_looked_at_where_a_run_was_handed_over(tmp_path: Path) -> None:
    write(tmp_path, "skeptic")
    assert cast(CrewPlan(), None).members == ()


FAULTS = {
    "crew: {without: [engineer]}": r"crew.without\[0\]: a crew cannot go without the engineer, nobody else proposes.*"
    r"replace it: crew: \{replace: \{engineer: YOUR_ROLE\}\}",
    "crew: {without: [reviewr]}": "there is no role 'reviewr' to leave out: there are critic",
    "crew: {replace: {critic: nobody_there}}": "crew.replace.critic: there is no role 'nobody_there': install it",
    "crew: {replace: {scorer: skeptic}}": "only a built-in role can be replaced: there are reviewer",
    "crew: {replace: {critic: skeptic}}": "skeptic has no answer to CritiqueRequest, which the critic is asked",
    "crew: {replace: {critic: engineer}}": "engineer has a place already",
    "crew: {add: {statistican: {after: critic}}}": "there is no role 'statistican': install it, write roles/",
    "crew: {add: {skeptic: {after: crtic}}}": "skeptic stands after 'crtic', which is no place in this crew: there",
    "crew: {add: {strict: {after: critic}}}": "strict cannot stand there, it has no answer to AdviceRequest, only to",
    "crew: {add: {critic: {after: engineer}}}": "critic is built in, and has its place",
    "crew: {add: {scorer: {elsewhere: true}}}": "'scorer' is taken by a part of postdocs",
    "crew: {add: {Big: {}}}": "'Big' cannot name a role: use small letters",
    "crew: {add: {skeptic: {behind: critic}}}": "'crew.add.skeptic.behind' is not a key of a task: keys here are after",
    "crew: {add: [skeptic]}": r"crew.add is a list, not a mapping",
    "crew: {leave_out: [reviewer]}": "'crew.leave_out' is not a key of a task: keys here are without, replace, add",
    "crew: {without: [skeptic], add: {skeptic: {}}}": "skeptic is left out here and used elsewhere in crew",
}


@pytest.mark.parametrize(("text", "told"), FAULTS.items(), ids=FAULTS)
def test_what_is_wrong_with_a_crew_is_told_with_its_line(text: str, told: str, tmp_path: Path) -> None:
    task = crew.last_digit_task(tmp_path, rows=20)
    write(tmp_path, "skeptic")
    write(tmp_path, "strict", after=None, request="CritiqueRequest")
    line = len(task.read_text().splitlines()) + 1
    task.write_text(task.read_text() + text + "\n")
    with pytest.raises(BadInput, match=told) as caught:
        load_task(task)
    assert str(caught.value).startswith(f"{task}:{line}: ") and "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("name", "text", "told"),
    [
        ("skeptic", "import no_such_thing", "it does not load (ModuleNotFoundError"),
        ("skeptic", "x = 1", "it defines no ROLE: end it with ROLE = Role("),
        ("skeptic", "ROLE = 7", "it is not an agents.role.Role, but int"),
        ("skeptic", ROLE.format(name="doubter", after=None, request="AdviceRequest"), "calls itself 'doubter'"),
        ("Skeptic", "", "rename the file"),
        ("scorer", "", "'scorer' is taken by a part of postdocs"),
        ("critic", ROLE.format(name="critic", after=None, request="AdviceRequest"), "'critic' is taken"),
    ],
)
def test_a_file_that_is_no_role_is_refused_with_its_path(name: str, text: str, told: str, tmp_path: Path) -> None:
    task = crew.last_digit_task(tmp_path, rows=20)
    path = tmp_path / "roles" / f"{name}.py"
    path.parent.mkdir()
    path.write_text(text)
    with pytest.raises(BadInput) as caught:
        load_task(task)
    assert told in str(caught.value) and str(path) in str(caught.value) and "\n" not in str(caught.value)


def test_an_installed_role_that_is_broken_is_left_out_unless_the_task_names_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    about = tmp_path / "others-1.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: others\nVersion: 1\n")
    (about / "entry_points.txt").write_text(f"[{registry.GROUP}]\nquitter = quits:ROLE\ncritic = quits:ROLE\n")
    (tmp_path / "quits.py").write_text("raise SystemExit(1)\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    found = cast(CrewPlan(), tmp_path)
    assert found.members == () and "SystemExit" in found.skipped["quitter"]
    assert "quitter left out, it does not load" in found.told()[0]
    assert registry.load("critic").about.startswith("says what is real"), "a built-in role's name is nobody else's"
    with pytest.raises(BadInput, match=r"crew.add.quitter: the role in quits:ROLE cannot be used"):
        cast(plan(add={"quitter": {"after": "critic"}}), tmp_path)
