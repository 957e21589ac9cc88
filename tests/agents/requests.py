"""Requests to roles, for tests of their playbooks."""

from __future__ import annotations

from typing import Any

from protocol.data import Mixture
from protocol.experiment import Digest, Directive, Entry, ProposeRequest
from protocol.message import Message
from protocol.research import ModelFacts
from protocol.score import Decoding
from tests.graph import story

MIXTURE = Mixture(
    name="m", path="/m.jsonl", sha256="x", rows=100, weights={}, prompt_tokens_max=20, answer_tokens_max=10
)


async def nobody(recipient: str, message: Message) -> Message:
    raise AssertionError(f"nothing should be asked, but {recipient} was: {message.type}")


def propose(*entries: Entry, left: float = 200.0, kind: str = "explore", **more: Any) -> ProposeRequest:
    digest = {name: more.pop(name) for name in list(more) if name in Digest.model_fields}
    fields: dict[str, Any] = {
        "task": story.TASK,
        "folder": "/f",
        "task_folder": "/t",
        "base_model": "/base",
        "model": ModelFacts(parameters=1_000_000),
        "mixture": MIXTURE,
        "decoding": Decoding(),
        "digest": Digest(entries=entries, seconds_left=left, **digest),
        "directive": Directive.model_validate({"kind": kind, "strategy": more.pop("strategy", None)}),
        "slots": 1,
    }
    return ProposeRequest.model_validate(fields | more)


def entry(id: str, value: float | None = None, status: str = "scored", **more: Any) -> Entry:
    experiment = story.experiment(id, id.rsplit("-", 1)[0].replace("-", "_"), **more)
    return Entry.model_validate(
        {
            "experiment": experiment,
            "status": status,
            "score": story.score(value) if value is not None else None,
            "model": f"/m/{id}" if value is not None else None,
            "seconds": experiment.seconds,
        }
    )
