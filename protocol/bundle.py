"""What the scorer is asked once the run is over: to put together what rebuilds the model that ships."""

from __future__ import annotations

from typing import Literal

from protocol.message import Message


class BundleRequest(Message):
    """To the scorer, after the final test: write `bundle/`."""

    type: Literal["bundle_request"] = "bundle_request"
    candidate: str

    def headline(self) -> str:
        return f"put together what rebuilds {self.candidate}"


class Bundled(Message):
    """What rebuilds the model is in place, or why there is none; a run does not fail for it."""

    type: Literal["bundled"] = "bundled"
    candidate: str
    path: str = ""
    steps: int = 0
    """Trainings, from the base model on."""
    recorded: bool = True
    """Whether every training repeats the learning rates that it had."""
    base_included: bool = True
    bytes: int = 0
    failed: str | None = None

    def headline(self) -> str:
        if self.failed is not None:
            return f"no bundle of {self.candidate}: {self.failed}"
        return f"{self.candidate} can be rebuilt: {self.steps} trainings, {self.bytes / 1e6:.0f} MB in {self.path}"
