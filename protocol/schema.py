"""The protocol as documents: JSON Schema (draft 2020-12) of the envelope, and AsyncAPI 3.0 of the channels.

Enough for a role to be written in another language. Called by `postdocs schema`.
"""

from __future__ import annotations

from typing import Any

from protocol import (
    advice,
    artifact,
    bundle,
    control,
    critique,
    data,
    experiment,
    foreign,
    generation,
    research,
    runs,
    schedule,
    score,
    studio,
    subjects,
    thought,
    worker,
)
from protocol.envelope import Envelope
from protocol.message import Message
from protocol.messages import KINDS

ROLE = "role"
"""Stands for every role that is not built in."""
ASKED: dict[str, tuple[tuple[type[Message], type[Message]], ...]] = {
    "reviewer": ((research.ReviewRequest, research.Review),),
    "curator": ((data.CurateRequest, data.DataPlan),),
    "engineer": ((experiment.ProposeRequest, experiment.Proposals),),
    "experimentalist": (
        (schedule.ScheduleRequest, schedule.Schedule),
        (schedule.RungCheck, schedule.RungVerdict),
        (schedule.DiagnoseRequest, schedule.Diagnosis),
    ),
    "critic": ((critique.CritiqueRequest, critique.Critique),),
    ROLE: (
        (advice.AdviceRequest, advice.Advice),
        (thought.Question, thought.Reply),
        (foreign.Foreign, foreign.Foreign),
    ),
    "scorer": (
        (score.PrepareEval, score.EvalReady),
        (score.ScoreRequest, score.Scored),
        (data.OverlapRequest, data.Overlap),
        (score.ShipRequest, score.Shipped),
        (bundle.BundleRequest, bundle.Bundled),
    ),
    "generation": ((generation.GenerateRequest, generation.Generated),),
    "worker": ((worker.WorkerOrder, worker.WorkerState),),
    "artifacts": (
        (artifact.PutArtifacts, artifact.ArtifactsPut),
        (artifact.GetArtifact, artifact.ArtifactGot),
    ),
    "graph_server": ((runs.StartRun, runs.RunAccepted), (runs.ListRuns, runs.RunList)),
    "studio": (
        (studio.DraftTask, studio.TaskDrafted),
        (studio.OpenRun, studio.RunOpened),
        (studio.ForkRun, studio.RunForked),
    ),
}
"""Service → (request, reply) pairs it answers."""
HOW_TO_ANSWER = """\
A service, a role among them, is one queue subscription. Everything is a CloudEvents envelope in JSON (`Envelope`).

1. Subscribe to the subject `ask.NAME` (for all runs) with the queue group `q`: instances of a role then share its load.
   Registering over the NATS Services API (ADR-32) as service NAME with an endpoint at that subject does the same, and
   makes it visible to `nats micro ls`. NAME is small letters, digits and `_`.
2. A request comes with a reply inbox. Answer there at once with an envelope of `working`, and again every second while
   the work goes on: an asker that hears nothing for six seconds asks another instance, under the same id.
3. The id of the answer is known before the answer is: the first 24 hex digits of the SHA-256 of the request's run, its
   id and the word `reply`, joined by the byte 0x1f. If the journal has it (JetStream direct get of the last message of
   `run.RUN.said.*.ID` in the stream `RUN_` + run), that is the answer: a question asked twice is thought about once.
4. An answer has: `specversion` "1.0", that id, `source` "/NAME", `type` "postdocs." + the type of its data, `time`,
   the request's `run`, `sender` NAME, `recipient` the request's sender, `causation` the request's id, and `data`.
   A `working` or `failure` has the same, but an id of its own.
5. First publish it to the journal, on `run.RUN.said.TYPE.ID` with the header `Nats-Expected-Last-Subject-Sequence: 0`
   (JetStream acknowledges; error 10071 says that it stands there already, which is fine); then send it to the inbox.
6. Where there can be no answer, send `failure` to the inbox, which is not journaled: it may be asked again. Nor is the
   answer to a request of the run `none`.

A role that is not built in answers `advice_request` with `advice` where the task's `crew:` gives it a place, and what
else it likes, in `foreign`, when other roles ask it.
"""


def json_schema() -> dict[str, Any]:
    """JSON Schema of the envelope, with every message under `$defs`."""
    return Envelope.model_json_schema() | {"$schema": "https://json-schema.org/draft/2020-12/schema"}


def _name(kind: type[Message]) -> str:
    return str(kind.model_fields["type"].default)


def _reference(kind: type[Message]) -> dict[str, str]:
    return {"$ref": f"#/components/messages/{_name(kind)}"}


def asyncapi() -> dict[str, Any]:
    """AsyncAPI 3.0.0 document (https://www.asyncapi.com/docs/reference/specification/v3.0.0)."""
    schema = json_schema()
    channels: dict[str, Any] = {
        "journal": {
            "address": subjects.said("{run}", "{type}", "{id}"),
            "parameters": {"run": {}, "type": {"enum": list(dict.fromkeys(map(subjects.token, KINDS)))}, "id": {}},
            "messages": {name: {"$ref": f"#/components/messages/{name}"} for name in KINDS},
        },
        "jobs": {
            "address": subjects.job("{queue}", "{priority}", "{run}", "{needs}", "{job}"),
            "parameters": {"queue": {}, "priority": {}, "run": {}, "needs": {}, "job": {}},
            "messages": {"job": {"$ref": "#/components/messages/job"}},
        },
    }
    operations: dict[str, Any] = {
        "follow_journal": {"action": "receive", "channel": {"$ref": "#/channels/journal"}},
        "take_jobs": {"action": "receive", "channel": {"$ref": "#/channels/jobs"}},
    }
    for service, pairs in ASKED.items():
        kinds = {_name(kind): kind for pair in pairs for kind in (*pair, control.Working, control.Failure)}
        channels[service] = {
            "address": subjects.ask(service),
            "messages": {name: _reference(kind) for name, kind in kinds.items()},
        }
        for request, reply in pairs:
            operations[f"{service}_{_name(request)}"] = _operation(service, request, reply)
    channels[ROLE] |= {"address": subjects.ask("{role}"), "parameters": {ROLE: {}}}
    channels["worker"] |= {"address": subjects.worker("{id}"), "parameters": {"id": {}}}  # each is asked for itself
    return {
        "asyncapi": "3.0.0",
        "info": {"title": "postdocs", "version": "0.1.0", "description": HOW_TO_ANSWER},
        "channels": channels,
        "operations": operations,
        "components": {
            "messages": {name: _message(name, kind) for name, kind in KINDS.items()},
            "schemas": _schemas(schema),
        },
    }


def _message(name: str, kind: type[Message]) -> dict[str, Any]:
    """An envelope whose data is of this kind."""
    data = {"properties": {"data": {"$ref": f"#/components/schemas/{kind.__name__}"}}}
    payload = {"title": kind.__name__, "allOf": [{"$ref": "#/components/schemas/Envelope"}, data]}
    return {"name": name, "contentType": "application/json", "payload": payload}


def _operation(service: str, request: type[Message], reply: type[Message]) -> dict[str, Any]:
    """A service receives the request, beats with `working`, and answers with the reply or a `failure`."""
    channel = f"#/channels/{service}"
    answers = [_name(reply), "working", "failure"]
    return {
        "action": "receive",
        "channel": {"$ref": channel},
        "messages": [{"$ref": f"{channel}/messages/{_name(request)}"}],
        "reply": {
            "channel": {"$ref": channel},
            "messages": [{"$ref": f"{channel}/messages/{name}"} for name in answers],
        },
    }


def _schemas(schema: dict[str, Any]) -> dict[str, Any]:
    """The envelope and its parts as AsyncAPI component schemas, references moved along."""
    parts = {key: value for key, value in schema.items() if key not in ("$defs", "$schema")}
    flat = {"Envelope": parts, **schema.get("$defs", {})}
    return _moved(flat)  # type: ignore[no-any-return]


def _moved(node: Any) -> Any:
    if isinstance(node, dict):
        return {key: _moved(value) for key, value in node.items()}
    if isinstance(node, list):
        return [_moved(value) for value in node]
    if isinstance(node, str) and node.startswith("#/$defs/"):
        return node.replace("#/$defs/", "#/components/schemas/")
    return node
