"""`--model` of `run`, `run --dry-run`, `run --detach`, `run --graph-url` and `resume`: the roles that may be named, and
what would end the first turn of a model, said before there is a run."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from protocol.brief import Brief
from protocol.crew import Crew, Member
from services.rehearsal import TASK
from tests.runs import crew

WAYS = ((), ("--dry-run", "--worker", "none"), ("--detach",), ("--graph-url", "http://127.0.0.1:9"))
ROLE = """
from agents.role import Role
from protocol.advice import Advice, AdviceRequest


async def advise(request, ask):
    return Advice(text="none")


ROLE = Role(name="tutor", about="of this project", after="critic", playbook={AdviceRequest: advise})
"""
Run = Callable[..., Result]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """`run(*options)` of a task with one role in its `roles/`, and one that is served elsewhere. It gets as far as its
    runs' folder, which cannot be made."""
    from services.cli.main import app

    for name in ("POSTDOCS_BUS_URL", "POSTDOCS_PRICES", "POSTDOCS_MODEL"):
        monkeypatch.delenv(name, raising=False)
    task = crew.last_digit_task(tmp_path / "task", rows=50)
    task.write_text(task.read_text() + "\ncrew: {add: {statistician: {after: critic, elsewhere: true}}}\n")
    (task.parent / "roles").mkdir()
    (task.parent / "roles" / "tutor.py").write_text(ROLE)
    monkeypatch.chdir(tmp_path)

    def call(*options: str) -> Result:
        here = () if {"--detach", "--graph-url", "--dry-run"} & set(options) else ("--runs-dir", "/proc/none")
        return CliRunner().invoke(app, ["run", str(task), *options, *here], prog_name="postdocs")

    return call


@pytest.mark.parametrize("way", WAYS, ids=str)
def test_roles_of_the_task_may_be_named_in_every_way_to_run_it(run: Run, way: tuple[str, ...]) -> None:
    done = run("--model", "statistician=ollama/q", "--model", "tutor=playbook", *way)
    assert "there is no role" not in done.output, done.output
    if "--dry-run" in way:
        assert done.exit_code == 0 and "statistician: ollama/q, tutor: playbook" in done.output
    refused = run("--model", "nobody=playbook", *way)
    assert refused.exit_code == 2 and "there is no role 'nobody'" in refused.output
    assert "statistician, tutor" in refused.output


@pytest.mark.parametrize("way", WAYS, ids=str)
def test_prices_that_cannot_be_read_are_told_before_the_run(
    run: Run, way: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "prices.yaml").write_text("ollama/q: cheap\n")
    monkeypatch.setenv("POSTDOCS_PRICES", str(tmp_path / "prices.yaml"))
    done = run("--model", "ollama/q", *way)
    assert done.exit_code == 2 and "POSTDOCS_PRICES=" in done.output and "write `provider/model:" in done.output


def test_a_run_that_is_resumed_knows_its_roles_and_its_prices(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from protocol.errors import BadInput
    from services.cli.session import options
    from services.run_folder import RunFolder

    folder = RunFolder(tmp_path / "runs" / "r1")
    folder.root.mkdir(parents=True)
    members = (Member(role="statistician", after="critic", source="elsewhere"),)
    brief = Brief(task=TASK, folder=str(folder.root), task_folder=".", crew=Crew(members=members))
    folder.brief.write_text(brief.model_dump_json())
    given = {"data": None, "bus": None, "runs_dir": tmp_path / "runs", "worker": "none", "run": "r1", "budget": None}
    told = options(model=["statistician=ollama/q"], task=None, task_path=None, sandbox=True, **given)  # type: ignore[arg-type]
    assert told.models == ("default=playbook", "statistician=ollama/q")
    monkeypatch.setenv("POSTDOCS_PRICES", str(tmp_path / "none.yaml"))
    with pytest.raises(BadInput, match="POSTDOCS_PRICES"):
        options(model=[], task=None, task_path=None, sandbox=True, **given)  # type: ignore[arg-type]
