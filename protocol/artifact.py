"""The artifact store as it is spoken of: what is in it, and what the run's own artifact service is asked.

Used where workers do not see the run's disk: what a job reads goes there before it is queued, its model comes back
from there before it is scored (`services/artifacts/`)."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from protocol.message import Message, Part


class Ref(Part):
    """Names one artifact for ever: the same content has the same reference."""

    kind: Literal["file", "folder"]
    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
    """Of a file's content, or of a folder's manifest."""
    size: Annotated[int, Field(ge=0)]
    """Bytes, of all files together."""


class PutArtifacts(Message):
    """To the run's artifact service: put what stands at these paths into the store."""

    type: Literal["put_artifacts"] = "put_artifacts"
    paths: tuple[str, ...]


class ArtifactsPut(Message):
    """They are there."""

    type: Literal["artifacts_put"] = "artifacts_put"
    refs: dict[str, Ref]
    """Path → where."""


class GetArtifact(Message):
    """To the run's artifact service: bring this from the store to its place on the run's disk."""

    type: Literal["get_artifact"] = "get_artifact"
    ref: Ref
    path: str


class ArtifactGot(Message):
    """It is in its place."""

    type: Literal["artifact_got"] = "artifact_got"
    path: str
