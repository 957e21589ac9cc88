"""The Engineer's workspace: plain files below the run's folder, and nothing else, whatever is asked for."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from agents.engineer.workspace import FOLDER, MOST_CHARACTERS, MOST_FILES, Workspace
from tools.tool import ToolFault

ELSEWHERE = ("../x.py", "/etc/x.py", "a/b.py", ".hidden.py", "x.sh", "x.py\n", "", "-" * 80 + ".py", "x.py\0")


def test_what_is_written_is_read(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path)
    assert workspace.names() == []
    workspace.write("b.py", "x = 1\ny = 2\n")
    workspace.write("a.py", "é")
    assert workspace.names() == ["a.py", "b.py"] and workspace.read("b.py") == "x = 1\ny = 2\n"
    assert workspace.edit("b.py", "y = 2", "y = 3\nz = 4") == 2
    assert workspace.read("b.py") == "x = 1\ny = 3\nz = 4\n"
    assert sorted(path.name for path in (tmp_path / FOLDER).iterdir()) == ["a.py", "b.py"]


@pytest.mark.parametrize("name", ELSEWHERE)
def test_a_name_that_leads_elsewhere_is_refused(tmp_path: Path, name: str) -> None:
    workspace = Workspace(tmp_path / "run")
    (tmp_path / "run").mkdir()
    for use in (
        lambda: workspace.write(name, "x"),
        lambda: workspace.read(name),
        lambda: workspace.edit(name, "x", "y"),
    ):
        with pytest.raises(ToolFault, match="is no name for a script"):
            use()
    assert [path.name for path in tmp_path.rglob("*")] in ([], ["run"], ["run", FOLDER])


def test_no_link_is_followed(tmp_path: Path) -> None:
    secret, run = tmp_path / "secret.py", tmp_path / "run"
    secret.write_text("the test split")
    (run / FOLDER).mkdir(parents=True)
    (run / FOLDER / "link.py").symlink_to(secret)
    (run / FOLDER / "draft.py.draft").symlink_to(secret)
    os.mkfifo(run / FOLDER / "pipe.py")
    workspace = Workspace(run)
    assert workspace.names() == []
    for name in ("link.py", "pipe.py"):
        with pytest.raises(ToolFault):
            workspace.read(name)
    with pytest.raises(ToolFault, match="cannot be written"):
        workspace.write("draft.py", "x")
    workspace.write("link.py", "mine")  # replaces the link, not what it leads to
    assert secret.read_text() == "the test split" and workspace.read("link.py") == "mine"


def test_a_workspace_that_is_a_link_is_none(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / FOLDER).symlink_to(tmp_path / "elsewhere")
    with pytest.raises(ToolFault, match="no workspace"):
        Workspace(tmp_path).write("a.py", "x")
    assert not list((tmp_path / "elsewhere").iterdir())


def test_its_size_is_bounded(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path)
    with pytest.raises(ToolFault, match="too many for a script"):
        workspace.write("a.py", "x" * (MOST_CHARACTERS + 1))
    for number in range(MOST_FILES):
        workspace.write(f"s{number}.py", "")
    with pytest.raises(ToolFault, match="write over one"):
        workspace.write("more.py", "")
    workspace.write("s0.py", "again")
    (tmp_path / FOLDER / "s1.py").write_text("x" * (MOST_CHARACTERS + 1))
    with pytest.raises(ToolFault, match="more than"):
        workspace.read("s1.py")


@pytest.mark.parametrize(("old", "told"), [("x", "it is there 2 times"), ("z", "letter for letter"), ("", "say which")])
def test_a_text_that_is_not_there_exactly_once_is_not_replaced(tmp_path: Path, old: str, told: str) -> None:
    workspace = Workspace(tmp_path)
    workspace.write("a.py", "x x\n")
    with pytest.raises(ToolFault, match=told):
        workspace.edit("a.py", old, "y")
    assert workspace.read("a.py") == "x x\n"


def test_what_cannot_be_written_says_so(tmp_path: Path) -> None:
    with pytest.raises(ToolFault, match="cannot be written"):
        Workspace(tmp_path).write("a.py", "\ud800")
    with pytest.raises(ToolFault, match="no workspace"):
        Workspace(tmp_path / "nowhere").names()
