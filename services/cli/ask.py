"""`postdocs ask`: talks with one role about a run."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from services.cli.options import DEFAULT_RUNS_DIR, OnBus, RunName, RunsDir

if TYPE_CHECKING:
    from protocol.journal import Journal
    from protocol.thought import Question

SAID = 40
"""The role's latest lines that it is reminded of."""


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
    from protocol.message import Message
    from protocol.thought import Reply
    from services.minds import RunMinds
    from services.run_access import find_anywhere, open_journal

    async with open_journal(await find_anywhere(runs_dir, name, bus)) as journal:
        role = registry.load(role_name, await _files(journal))
        asked = await question_about(journal, role_name, text)
        question = wrap(asked, run=journal.run, sender="user", recipient=role_name)
        await journal.append(question)

        async def say(message: Message) -> None:
            await journal.append(wrap(message, run=journal.run, sender=role_name, causation=question.id))

        async def ask(recipient: str, message: Message) -> Message:
            raise PostdocsError(f"nobody is asked in a talk, nor is {recipient}")

        mind = await RunMinds(journal.bus).of(journal.run, role)
        reply = await mind.think(question.data, Turn(journal.run, ask, say))
        await journal.append(wrap(reply, run=journal.run, sender=role_name, recipient="user", causation=question.id))
    assert isinstance(reply, Reply)
    return reply.text


async def _files(journal: Journal) -> dict[str, Path]:
    """The run's roles that are files of its project."""
    from protocol.brief import Brief
    from protocol.message import message_id

    found = await journal.find(message_id(journal.run, "brief"))
    members = found.data.crew.members if found is not None and isinstance(found.data, Brief) else ()
    return {member.role: Path(member.file) for member in members if member.file}


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
        task=told.task,
        folder=told.folder,
        task_folder=told.task_folder,
        digest=ledger.digest(left),
        said=tuple(said[-SAID:]),
    )
