"""Whether a script is fit to be queued: asked of a worker, which looks at it and runs two steps of it on a slice."""

from __future__ import annotations

from typing import Literal

from protocol.job import JobSpec
from protocol.message import Message, Part

Stage = Literal["parse", "lint", "arguments", "columns", "smoke"]


class Flaw(Part):
    """What is wrong with a script."""

    stage: Stage
    told: str
    """With file and line where there is one."""


class PreflightRequest(Message):
    """Is this job fit to be queued?"""

    type: Literal["preflight_request"] = "preflight_request"
    experiment: str
    spec: JobSpec
    folder: str
    """Absolute path of the run's folder; the trial runs in `preflight/` below it."""

    def headline(self) -> str:
        return f"is {self.experiment} fit to be queued?"


class Preflight(Message):
    """It is, when there are no flaws."""

    type: Literal["preflight"] = "preflight"
    experiment: str
    flaws: tuple[Flaw, ...] = ()
    steps: int = 0
    """Training steps of the trial."""
    seconds: float = 0.0
    shrunken: str = ""
    """How the base model was made small for the trial; empty where it was tried as it is."""

    def headline(self) -> str:
        told = "; ".join(f"{flaw.stage}: {flaw.told.splitlines()[0]}" for flaw in self.flaws)
        return f"{self.experiment} is {'not fit: ' + told if told else f'fit ({self.steps} steps on a slice)'}" + (
            "; with a small model" if self.shrunken else ""
        )


class SignatureRequest(Message):
    """What does a name of the libraries on the executor take, really?"""

    type: Literal["signature_request"] = "signature_request"
    name: str
    """Dotted: `trl.SFTConfig`, `transformers.Trainer.train`."""

    def headline(self) -> str:
        return f"the signature of {self.name}?"


class Signature(Message):
    """Its parameters with their defaults, and the first lines of its documentation."""

    type: Literal["signature"] = "signature"
    name: str
    text: str
    found: bool = True

    def headline(self) -> str:
        return self.text.splitlines()[0][:120] if self.text else self.name


Library = Literal["trl", "transformers", "accelerate", "peft", "datasets", "torch"]


class LibrarySourceRequest(Message):
    """Where do the sources of a library on the executor say something; or what stands in one of their files?"""

    type: Literal["library_source_request"] = "library_source_request"
    library: Library
    find: str = ""
    """Plain text. Definitions of a class or function of this name come first."""
    file: str = ""
    """Relative to the library: `trainer/sft_trainer.py`. With `find`, it is searched alone; without, it is shown."""
    first_line: int = 1
    """From which line on the file is shown."""

    def headline(self) -> str:
        return f"{self.find or self.file} in the sources of {self.library}?"


class LibrarySource(Message):
    """Lines of its sources, each with its number."""

    type: Literal["library_source"] = "library_source"
    text: str
    found: bool = True

    def headline(self) -> str:
        return self.text.splitlines()[0][:120] if self.text else "nothing"
