"""The Engineer's bench: a script is written, tried and mended in the workspace, and queued only as it was tried."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from agents.engineer.form import EngineerForm, complete
from agents.engineer.script_tools import BENCH
from agents.engineer.tools import LIBRARY_SOURCE
from agents.form import BadForm, Unfit
from protocol.experiment import ProposeRequest
from protocol.message import Message
from protocol.preflight import Flaw, LibrarySource, LibrarySourceRequest, Preflight, PreflightRequest
from tests.agents import requests
from tools.tool import Desk, Tool, ToolFault

TOOLS = {tool.name: tool for tool in (*BENCH, LIBRARY_SOURCE)}
FLAW = Flaw(stage="lint", told="train.py:2: Undefined name `lossy` (F821)")


class Executor:
    """Finds a flaw in every script that says `lossy`."""

    def __init__(self) -> None:
        self.asked: list[PreflightRequest] = []

    async def __call__(self, recipient: str, message: Message) -> Message:
        assert recipient == "preflight" and isinstance(message, PreflightRequest)
        self.asked.append(message)
        flawed = "lossy" in message.spec.files["train.py"]
        told: dict[str, Any] = {"flaws": (FLAW,)} if flawed else {"steps": 2, "seconds": 9.6, "shrunken": "made small"}
        return Preflight(experiment=message.experiment, **told)


class Bench:
    """The tools, as a mind uses them in one turn."""

    def __init__(self, folder: Path, **request: Any) -> None:
        self.executor = Executor()
        self.request: ProposeRequest = requests.propose(**request).model_copy(update={"folder": str(folder)})
        self.desk = Desk(self.request, folder, folder, self.executor)

    async def use(self, tool_name: str, /, **arguments: Any) -> str:
        tool: Tool = TOOLS[tool_name]
        return await tool.run(tool.arguments.model_validate(arguments), self.desk)

    async def submit(self, **script: Any) -> Any:
        form = {"strategy": "sft", "hypothesis": "h", "script": {"seconds": 60, **script}}
        return await complete(self.request, EngineerForm.model_validate(form), self.executor)


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


async def test_a_script_is_mended_in_the_workspace_and_submitted_by_name(bench: Bench) -> None:
    assert await bench.use("write_script", name="own.py", text="import os\nprint(lossy)\n") == "own.py: 2 lines"
    told = await bench.use("try_script", name="own.py", strategy="sft")
    assert told.startswith("not fit to be queued") and "- lint: train.py:2: Undefined name `lossy`" in told
    with pytest.raises(Unfit, match="Undefined name"):
        await bench.submit(file="own.py")
    assert await bench.use("edit_script", name="own.py", old="lossy", new="1") == "1: import os\n2: print(1)"
    told = await bench.use("try_script", name="own.py", strategy="sft")
    assert told == "fit to be queued: 2 steps on a slice, 10 s in all\nmade small"
    (proposal,) = (await bench.submit(file="own.py")).proposals
    assert proposal.job.files["train.py"] == "import os\nprint(1)\n"
    assert await bench.use("list_scripts") == "own.py: 2 lines"


async def test_the_question_of_the_tool_is_that_of_the_form(bench: Bench) -> None:
    """So the journal answers the second at once."""
    await bench.use("write_script", name="own.py", text="x = 1\n")
    await bench.use("try_script", name="own.py", strategy="sft", numbers={"learning_rate": 1e-3})
    await bench.submit(file="own.py", numbers={"learning_rate": 1e-3})
    first, second = bench.executor.asked
    assert first == second


async def test_what_was_tried_before_is_tried_again_when_it_has_changed(bench: Bench) -> None:
    """No earlier trial makes a script fit: the text that is queued is the text of a trial."""
    await bench.use("write_script", name="own.py", text="x = 1\n")
    assert "fit to be queued" in await bench.use("try_script", name="own.py", strategy="sft")
    await bench.use("write_script", name="own.py", text="print(lossy)\n")
    with pytest.raises(Unfit):
        await bench.submit(file="own.py")


async def test_a_copy_of_the_crews_own_is_something_to_begin_from(bench: Bench) -> None:
    await bench.use("write_script", name="own.py", begin_from="sft.py")
    told = await bench.use("read_script", name="own.py", first_line=2)
    assert told.startswith("own.py, lines 2 to ") and "\n2: " in told and "\n1: " not in told
    await bench.use("write_script", name="second.py", begin_from="own.py")
    assert len((await bench.use("list_scripts")).splitlines()) == 2
    with pytest.raises(ToolFault, match=r"no script 'nothing\.py' in the workspace; there are own\.py, second\.py"):
        await bench.use("write_script", name="third.py", begin_from="nothing.py")
    with pytest.raises(ToolFault, match="either `text` or `begin_from`"):
        await bench.use("write_script", name="third.py")


async def test_a_long_script_is_read_in_parts(bench: Bench) -> None:
    await bench.use("write_script", name="own.py", text="x\n" * 450)
    assert "go on with first_line=201" in await bench.use("read_script", name="own.py")
    assert "lines 401 to 450 of 450\n" in await bench.use("read_script", name="own.py", first_line=401)
    with pytest.raises(ToolFault, match="has 450 lines"):
        await bench.use("read_script", name="own.py", first_line=451)


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ({"numbers": {"dataset_name": "/f/sealed/test.jsonl"}}, "leave dataset_name out"),
        ({"seconds": 1e6}, "s are left"),
        ({"parent": "sft-9"}, "there is no experiment 'sft-9'"),
        ({"strategy": "grpo"}, "grpo is closed"),
        ({"name": "other.py"}, "there is no script"),
    ],
)
async def test_what_could_not_be_submitted_is_not_tried(tmp_path: Path, arguments: dict[str, Any], told: str) -> None:
    bench = Bench(tmp_path, strategies_closed={"grpo": "no gain"})
    await bench.use("write_script", name="own.py", text="x = 1\n")
    with pytest.raises(ToolFault, match=told):
        await bench.use("try_script", **({"name": "own.py", "strategy": "sft"} | arguments))
    assert not bench.executor.asked


async def test_a_form_names_a_script_or_gives_its_text(bench: Bench) -> None:
    for script in ({}, {"file": "own.py", "text": "x"}):
        with pytest.raises(ValueError, match="name the script's `file` in the workspace, or give its `text`"):
            await bench.submit(**script)
    with pytest.raises(BadForm, match=r"there is no script 'own\.py'"):
        await bench.submit(file="own.py")
    with pytest.raises(BadForm, match="is no name for a script"):
        await bench.submit(file="../brief.json")


async def test_sources_are_asked_of_the_executor(tmp_path: Path) -> None:
    async def worker(recipient: str, message: Message) -> Message:
        assert message == LibrarySourceRequest(library="trl", find="SFTTrainer")
        return LibrarySource(text="trainer/sft_trainer.py:515: class SFTTrainer(_BaseTrainer):")

    desk = Desk(requests.propose(), tmp_path, tmp_path, worker)
    given = LIBRARY_SOURCE.arguments.model_validate({"library": "trl", "find": "SFTTrainer"})
    assert "class SFTTrainer" in await LIBRARY_SOURCE.run(given, desk)
    with pytest.raises(ToolFault, match="say what to `find`"):
        await LIBRARY_SOURCE.run(LIBRARY_SOURCE.arguments.model_validate({"library": "trl"}), desk)
    with pytest.raises(ValueError, match="library"):
        LIBRARY_SOURCE.arguments.model_validate({"library": "os", "find": "x"})
