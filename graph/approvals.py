"""Asks the user, in Studio by an interrupt, and takes the answer from wherever it comes: `postdocs approve` writes it
into the journal, and a node that LangGraph runs again finds it there."""

from __future__ import annotations

from typing import Any

from langgraph.types import interrupt

from protocol.brief import is_task_text
from protocol.bus import Bus
from protocol.envelope import wrap
from protocol.journal import Journal
from protocol.studio import Approval, ApprovalWanted, approval_id

YES = frozenset({"yes", "y", "ok", "okay", "approve", "approved", "accept", "go", "run", "true"})
NO = frozenset({"no", "n", "stop", "cancel", "reject", "ignore", "false", ""})


async def approval(bus: Bus, run: str, about: str, shown: str, how: str, thread: str) -> Approval:
    """The user's answer, asked for once. Interrupts the graph where there is none yet."""
    journal = Journal(bus, run)
    await journal.create()
    await _append(journal, ApprovalWanted(about=about, shown=shown, thread=thread), sender="graph")
    if (answer := await _given(journal, about)) is not None:
        return answer
    told = {
        "question": how,
        "about": about,
        "shown": shown,
        "answer": "yes · no · the text as it is to be · what to do instead",
        "run": run,
    }
    await _append(journal, read(interrupt(told), about), sender="user")
    answer = await _given(journal, about)
    assert answer is not None
    return answer


async def _given(journal: Journal, about: str) -> Approval | None:
    found = await journal.find(approval_id(journal.run, about, Approval))
    return found.data if found and isinstance(found.data, Approval) else None


async def _append(journal: Journal, message: ApprovalWanted | Approval, sender: str) -> None:
    id = approval_id(journal.run, message.about, type(message))
    await journal.append(wrap(message, run=journal.run, sender=sender, id=id))


def read(answer: Any, about: str) -> Approval:
    """What was meant: true, `yes`, `{"yes": true, "words": …}`, an agent inbox's list, a changed text, other words."""
    if isinstance(answer, list) and answer:
        answer = answer[0]
    if isinstance(answer, dict):
        kind = str(answer.get("type", ""))
        args = answer.get("args") or answer.get("words") or ""
        words = str(args.get("args", "") if isinstance(args, dict) else args)
        yes = _is_yes(answer.get("yes", kind in ("accept", "edit")))
        return Approval(about=about, yes=yes, words="" if kind == "accept" else words)
    if isinstance(answer, bool) or answer is None:
        return Approval(about=about, yes=bool(answer))
    words = str(answer).strip()
    if _plain(words) in YES | NO:
        return Approval(about=about, yes=_is_yes(words))
    return Approval(about=about, yes="\n" in words and is_task_text(words), words=words)


def _is_yes(answer: Any) -> bool:
    """A string says what it says: only Python holds that `"no"` is true."""
    return _plain(answer) in YES if isinstance(answer, str) else bool(answer)


def _plain(words: str) -> str:
    return words.strip().lower().rstrip(".!")
