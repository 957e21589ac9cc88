"""The envelope around every message: CloudEvents 1.0 attributes, plus run, sender, recipient and causation.

https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/spec.md (extension names are lower-case letters and
digits, hence `schemaversion`).
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Literal, Self

from pydantic import Field, model_validator

from protocol.message import Message, Part, message_id
from protocol.messages import AnyMessage

SCHEMA_VERSION = 1
TYPE_PREFIX = "postdocs."
NO_RUN = "none"
"""The `run` of what belongs to none: dead letters, a question about all runs."""


class Envelope(Part):
    """One thing said by somebody to somebody, in a run."""

    specversion: Literal["1.0"] = "1.0"
    id: str
    source: str
    """URI reference of the speaker: `/roles/critic`, `/services/scorer`, `/workers/NAME`."""
    type: str
    time: datetime
    subject: str = ""
    """What it is about: an experiment, a job, a source; may be empty."""
    datacontenttype: Literal["application/json"] = "application/json"
    schemaversion: int = SCHEMA_VERSION
    run: str
    sender: str
    recipient: str = "crew"
    causation: str | None = None
    """Id of the envelope that this one answers or follows from."""
    data: AnyMessage = Field(discriminator="type")

    @model_validator(mode="after")
    def _type_agrees(self) -> Self:
        if self.type != TYPE_PREFIX + self.data.type:
            raise ValueError(f"the envelope says {self.type!r} and its data {self.data.type!r}")
        return self


def wrap(
    message: Message,
    *,
    run: str,
    sender: str,
    recipient: str = "crew",
    subject: str = "",
    causation: str | None = None,
    id: str | None = None,
) -> Envelope:
    """An envelope around `message`. Without an `id` it gets one made from everything but the time."""
    about = subject or str(getattr(message, "experiment", "") or getattr(message, "candidate", ""))
    made = id or message_id(run, sender, recipient, about, causation, message.model_dump_json())
    return Envelope(
        id=made,
        source=f"/{sender}",
        type=TYPE_PREFIX + message.type,
        time=datetime.now(UTC),
        subject=about,
        run=run,
        sender=sender,
        recipient=recipient,
        causation=causation,
        data=message,  # type: ignore[arg-type]
    )
