"""`postdocs ask`: talks with one role about a run."""

from __future__ import annotations

import secrets
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from services.cli.options import DEFAULT_RUNS_DIR, OnBus, RunName, RunsDir

if TYPE_CHECKING:
    from protocol.crew import Crew
    from protocol.journal import Journal
    from protocol.thought import Question
    from services.run_folder import RunFolder
    from services.runs_on_bus import RunOnBus

SAID = 40
"""The role's latest lines that it is reminded of."""
PATIENCE_SECONDS = 15.0
"""Without a sign of a role that is served elsewhere."""


def command(
    name: RunName,
    role: Annotated[str, typer.Argument(metavar="ROLE", help="Whom: reviewer, curator, engineer, …")],
    text: Annotated[str, typer.Argument(metavar="TEXT", help="What: `why LoRA?`")],
    runs_dir: RunsDir = DEFAULT_RUNS_DIR,
    bus: OnBus = None,
) -> None:
    """Ask a role about a run, even an ended one. It thinks with the run's model for it; the talk is journaled."""
    import asyncio

    from protocol.errors import BadInput

    if not text.strip():
        raise BadInput("there is no question in TEXT")
    typer.echo(asyncio.run(_talk(name, role, text.strip(), runs_dir, bus)))


async def _talk(name: str, role_name: str, text: str, runs_dir: Path, bus: str | None) -> str:
    from agents import registry
    from agents.mind import Turn
    from protocol.envelope import wrap
    from protocol.errors import PostdocsError
    from protocol.message import Message, message_id
    from protocol.thought import Reply
    from services.minds import RunMinds
    from services.run_access import find_anywhere, open_journal
    from services.run_folder import RunFolder

    folder = await find_anywhere(runs_dir, name, bus)
    async with open_journal(folder) as journal:
        crew = await _crew(folder, journal)
        role_name = crew.asked(role_name)
        files = {one.role: Path(one.file) for one in crew.members if one.file}
        on_this_disk = isinstance(folder, RunFolder)
        if crew.elsewhere(role_name) or (role_name in files and not on_this_disk):
            return await _over_the_bus(journal, role_name, text)
        role = registry.load(role_name, files if on_this_disk else None)
        asked = await question_about(journal, role_name, text)
        question = wrap(asked, run=journal.run, sender="user", recipient=role_name)
        await journal.append(question)

        async def say(message: Message) -> None:
            id = message_id(question.id, secrets.token_hex(8))  # the same call twice is said twice, and paid twice
            await journal.append(wrap(message, run=journal.run, sender=role_name, causation=question.id, id=id))

        async def ask(recipient: str, message: Message) -> Message:
            raise PostdocsError(f"nobody is asked in a talk, nor is {recipient}")

        mind = await RunMinds(journal.bus).of(journal.run, role)
        reply = await mind.think(question.data, Turn(journal.run, ask, say))
        await journal.append(wrap(reply, run=journal.run, sender=role_name, recipient="user", causation=question.id))
    assert isinstance(reply, Reply)
    return reply.text


async def _crew(folder: RunFolder | RunOnBus, journal: Journal) -> Crew:
    """Who takes part in the run: as the brief on this disk has it, else as its journal does, which names no code to
    load here."""
    from protocol.brief import Brief
    from protocol.crew import Crew
    from services.run_folder import RunFolder

    if isinstance(folder, RunFolder):
        return Brief.model_validate_json(folder.brief.read_text()).crew if folder.brief.exists() else Crew()
    brief = await journal.brief()
    return brief.crew if brief else Crew()


async def _over_the_bus(journal: Journal, role: str, text: str) -> str:
    """The answer of a role that somebody else serves, who journals it. Raises `NoAnswer`."""
    from protocol.envelope import wrap
    from protocol.thought import Reply

    question = wrap(await question_about(journal, role, text), run=journal.run, sender="user", recipient=role)
    await journal.append(question)
    reply = (await journal.bus.ask(question, Reply, timeout=PATIENCE_SECONDS)).data
    assert isinstance(reply, Reply)
    return reply.text


async def question_about(journal: Journal, role: str, text: str) -> Question:
    """Everything that the role needs to know, from the journal. Raises `BadInput` for a run that has not begun."""
    from protocol.errors import BadInput
    from protocol.ledger import Ledger
    from protocol.thought import Question

    envelopes = [envelope async for _, envelope in journal.replay()]
    ledger = Ledger(envelopes)
    if ledger.brief is None:
        raise BadInput(f"{journal.run} has no brief yet: ask again when it has begun")
    said = [envelope.data.headline() for envelope in envelopes if envelope.sender == role]
    told = ledger.brief
    left = max(0.0, told.task.budget.time - ledger.spent())
    return Question(
        text=text,
        task=ledger.task,
        folder=told.folder,
        task_folder=told.task_folder,
        digest=ledger.digest(left),
        said=tuple(said[-SAID:]),
    )
