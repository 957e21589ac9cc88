"""A question in plain words to any role (`postdocs ask RUN engineer "why LoRA?"`): what every role answers beside its
own requests. A language model answers it from the run's figures; a playbook can only tell what it has said and why.
"""

from __future__ import annotations

from collections.abc import Iterable

from agents import digest
from agents.form import Form
from agents.role import Answer, Ask
from protocol.message import Message, Part
from protocol.thought import Question, Reply

SAID, LINE = 12, 300
"""Lines that are told, and their characters."""
WORD = 4
"""Letters from which on a word says what a question is about."""


class TalkForm(Part):
    """What do you say to that?"""

    text: str


def tell(request: Question) -> str:
    said = "\n".join(f"- {line[:LINE]}" for line in request.said[-SAID:]) or "nothing yet"
    return (
        f"{digest.brief(request.task)}\n{digest.digest(request.digest)}\n# What you have said\n{said}\n"
        f"# The user asks\n{request.text}\nAnswer in a few sentences, with the figures that it rests on."
    )


async def complete(request: Question, filled: TalkForm, ask: Ask) -> Reply:
    return Reply(text=filled.text)


async def recall(request: Question, ask: Ask) -> Reply:
    """The playbook's answer: the lines it has said that share a word with the question, else its last ones."""
    wanted = _words([request.text])
    about = [line for line in request.said if _words([line]) & wanted] or list(request.said)
    if not about:
        return Reply(text="I follow a playbook, and have said nothing in this run yet.")
    told = "\n".join(f"- {line}" for line in about[-SAID:])
    return Reply(text=f"I follow a playbook and cannot converse. What I have said about it:\n{told}")


def _words(lines: Iterable[str]) -> set[str]:
    return {
        word for line in lines for word in line.lower().replace("-", " ").split() if len(word.strip("?.,:")) >= WORD
    }


PLAYBOOK: dict[type[Message], Answer] = {Question: recall}
FORMS: dict[type[Message], Form] = {Question: Form(TalkForm, tell, complete)}
