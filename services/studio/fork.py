"""Makes a run that begins with what was said in another up to a moment, and with what it had computed by then.

The ids of questions in a fork are those of the run that it comes from (`Brief.fork.root`), so that a node which asks
again finds the answer.
"""

from __future__ import annotations

import asyncio
import fcntl
import functools
import shutil
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path

from protocol import subjects
from protocol.brief import Brief, Fork
from protocol.bus import Bus
from protocol.control import CancelRun, RunEnded
from protocol.envelope import Envelope, wrap
from protocol.errors import BadInput
from protocol.job import CancelJob, Job, JobEvent
from protocol.journal import Journal
from protocol.message import message_id
from protocol.score import Scored, Shipped
from protocol.studio import Approval, ApprovalWanted, ForkRun, StepTaken
from services.run_folder import RunFolder
from services.scorer.files import TEST_SCORE

_OWN = (Brief, StepTaken, Approval, ApprovalWanted, CancelRun, RunEnded)
"""What a fork says for itself, or does not say again."""
FICLONE = 0x40049409
"""linux/fs.h"""
BLOCK_BYTES = 1 << 20


async def fork(bus: Bus, parent: RunFolder, request: ForkRun, mark: str) -> None:
    """Make the run; does nothing where it is there. `mark` goes into its `studio.json`.

    Whoever calls sees to it that nobody else makes the same run meanwhile. What takes long is done in a thread: models
    are gigabytes. Raises `BadInput` when the parent had not begun by then.
    """
    folder = RunFolder(parent.root.parent / request.run)
    if folder.brief.exists():
        return
    said = [item async for item in Journal(bus, parent.id).replay()]
    brief = next((envelope.data for _, envelope in said if isinstance(envelope.data, Brief)), None)
    if brief is None:
        raise BadInput(f"{parent.id} had not begun at that moment: start a new run instead")
    mine = _brief(brief, parent, folder, request)
    by_then = [envelope for at, envelope in said if at <= request.sequence]
    kept = [mine, *await asyncio.to_thread(retold, by_then, parent, folder)]
    journal = Journal(bus, folder.id)
    await journal.create()
    for envelope in kept:
        await journal.append(envelope)
    await _copied(parent, folder, kept)
    folder.studio.write_text(mark)
    assert isinstance(mine.data, Brief)
    draft = folder.brief.with_suffix(".draft")
    draft.write_text(mine.data.model_dump_json(indent=2))
    draft.replace(folder.brief)  # last: a folder with a brief is a run


def _brief(brief: Brief, parent: RunFolder, folder: RunFolder, request: ForkRun) -> Envelope:
    root = brief.fork.root if brief.fork else parent.id
    origin = Fork(parent=parent.id, sequence=request.sequence, root=root)
    changed = {"folder": str(folder.root), "fork": origin, "task": brief.task.within(request.budget)}
    id = message_id(folder.id, "brief")
    return wrap(brief.model_copy(update=changed), run=folder.id, sender="user", id=id)


def retold(said: Sequence[Envelope], parent: RunFolder, folder: RunFolder) -> list[Envelope]:
    """What was said in `parent`, as it stands in the journal of the fork at `folder`.

    Left out is what belongs to jobs that had not ended (the fork queues them itself), and the last answer that a model
    was shipped (the fork's own `final_model/` is yet to be filled). Answers get the ids by which they are looked for.
    """
    ended = {_job(envelope) for envelope in said if subjects.token(envelope.data.type) == "job_end"}
    shipped = [envelope.id for envelope in said if isinstance(envelope.data, Shipped)]
    new_ids: dict[str, str] = {}
    kept = []
    for envelope in said:
        about = _job(envelope)
        if isinstance(envelope.data, _OWN) or (about is not None and about not in ended):
            continue
        if envelope.id in shipped[-1:]:
            continue
        answered = envelope.causation
        if answered is not None and envelope.id == message_id(parent.id, answered, "reply"):
            new_ids[envelope.id] = message_id(folder.id, new_ids.get(answered, answered), "reply")
        changes = {
            "id": new_ids.get(envelope.id, envelope.id),
            "run": folder.id,
            "causation": new_ids.get(answered or "", answered),
        }
        told = envelope.model_dump_json().replace(str(parent.root), str(folder.root))
        kept.append(Envelope.model_validate_json(told).model_copy(update=changes))
    return kept


def _job(envelope: Envelope) -> str | None:
    """Which job a message belongs to."""
    said = envelope.data
    if isinstance(said, Job):
        return said.id
    return said.job if isinstance(said, JobEvent | CancelJob) else None


class Abandoned(Exception):
    """Nobody waits for this copy any more."""


async def _copied(parent: RunFolder, folder: RunFolder, kept: Sequence[Envelope]) -> None:
    """`_copy_files` in a thread, which stops soon where this is cancelled: its process is to end then."""
    abandoned = threading.Event()
    try:
        await asyncio.to_thread(_copy_files, parent, folder, kept, abandoned)
    finally:
        abandoned.set()


def _copy_files(parent: RunFolder, folder: RunFolder, kept: Sequence[Envelope], abandoned: threading.Event) -> None:
    """The data, the outcomes of what was scored, and the folders of the jobs that had ended."""
    folder.root.mkdir(parents=True, exist_ok=True)
    tested = any(isinstance(envelope.data, Scored) and envelope.data.split == "test" for envelope in kept)
    if folder.root != parent.root and parent.task.exists():
        shutil.copy2(parent.task, folder.task)
    for place, ignored in ((parent.data, ()), (parent.sealed, () if tested else (TEST_SCORE,)), (parent.given, ())):
        if place.is_dir():
            _copy(place, folder.root / place.name, abandoned, ignored)
    for name in _job_folders(kept):
        if (parent.root / "jobs" / name).is_dir():
            _copy(parent.root / "jobs" / name, folder.root / "jobs" / name, abandoned)


def _job_folders(kept: Sequence[Envelope]) -> Iterator[str]:
    for envelope in kept:
        if isinstance(envelope.data, Job):
            yield Path(envelope.data.folder).name


def _copy(source: Path, target: Path, abandoned: threading.Event, ignored: tuple[str, ...] = ()) -> None:
    """Copy a folder anew: what is there was left by a copy that was broken off, for a run without a brief is none."""
    if target.exists():
        shutil.rmtree(target)
    ignore, put = shutil.ignore_patterns(*ignored), functools.partial(_put, abandoned)
    shutil.copytree(source, target, symlinks=True, ignore=ignore, copy_function=put)


def _put(abandoned: threading.Event, source: str, target: str) -> str:
    """A copy, which shares its blocks with the original where the file system can (ioctl_ficlone(2)): weights are
    large. Not a link: what ships must be one file under one name."""
    with open(source, "rb") as old, open(target, "wb") as new:  # noqa: PTH123 (as shutil gives them)
        try:
            fcntl.ioctl(new.fileno(), FICLONE, old.fileno())
        except OSError:
            while block := old.read(BLOCK_BYTES):
                if abandoned.is_set():
                    raise Abandoned from None
                new.write(block)
    shutil.copystat(source, target)
    return target
