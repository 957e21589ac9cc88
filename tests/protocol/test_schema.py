"""The protocol's documents: everything said validates against them."""

from __future__ import annotations

import json

import jsonschema
import pytest
from pydantic import ValidationError

from protocol.control import Tell
from protocol.envelope import Envelope, wrap
from protocol.messages import KINDS
from protocol.schema import ASKED, asyncapi, json_schema
from tests.graph import story

SAID = [
    *story.proposed(story.experiment("sft-1")),
    *story.failed("sft-1"),
    story.scored("sft-1", 0.5, story.paired("sft-1", "base", 0.1, 0.01)),
    story.plan(),
    story.critique("sft-1"),
    story.brief(),
]


@pytest.mark.parametrize("message", SAID, ids=lambda message: message.type)
def test_what_is_said_validates_against_the_json_schema(message: object) -> None:
    envelope = story.said(message)  # type: ignore[arg-type]
    jsonschema.Draft202012Validator(json_schema()).validate(json.loads(envelope.model_dump_json()))
    assert Envelope.model_validate_json(envelope.model_dump_json()) == envelope


def test_every_kind_of_message_is_in_both_documents() -> None:
    assert set(asyncapi()["components"]["messages"]) == set(KINDS)
    defined = set(json_schema()["$defs"])
    assert {kind.__name__ for kind in KINDS.values()} <= defined


def test_every_reference_in_the_asyncapi_document_leads_somewhere() -> None:
    document = asyncapi()
    jsonschema.Draft202012Validator.check_schema(json_schema())

    def walk(node: object) -> None:
        if isinstance(node, dict):
            if isinstance(node.get("$ref"), str):
                place: object = document
                for step in node["$ref"].removeprefix("#/").split("/"):
                    assert isinstance(place, dict) and step in place, node["$ref"]
                    place = place[step]
            for value in node.values():
                walk(value)
        elif isinstance(node, list):
            for value in node:
                walk(value)

    walk(document)
    assert set(ASKED) <= set(document["channels"])


def test_an_envelope_that_contradicts_its_message_is_refused() -> None:
    envelope = wrap(Tell(text="hello"), run="r", sender="user")
    with pytest.raises(ValidationError, match="the envelope says"):
        Envelope.model_validate(envelope.model_dump() | {"type": "postdocs.brief"})


def test_messages_are_frozen_and_strict() -> None:
    with pytest.raises(ValidationError):
        Tell.model_validate({"text": "a", "volume": 11})
    with pytest.raises(ValidationError):
        Tell(text="a").text = "b"  # type: ignore[misc]
