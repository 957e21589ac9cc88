"""The Engineer's tools to read with: the crew's own scripts, and signatures and sources of what jobs can import."""

from __future__ import annotations

from importlib.resources import files
from typing import Annotated

from pydantic import Field

from protocol.preflight import Library, LibrarySource, LibrarySourceRequest, Signature, SignatureRequest
from tools.arguments import Arguments
from tools.tool import Desk, Tool, ToolFault

SCRIPTS = ("sft.py", "grpo.py", "rejection_sampling.py", "pairs.py", "seconds_schedule.py")
METRIC = "metric.py"


class ShowScript(Arguments):
    name: str
    """One of the crew's own: sft.py, grpo.py, rejection_sampling.py, pairs.py, seconds_schedule.py, metric.py."""


class NamedObject(Arguments):
    name: str
    """Dotted: `trl.SFTConfig`, `trl.GRPOTrainer`, `transformers.Trainer.train`."""


class LibraryPlace(Arguments):
    library: Library
    find: str = ""
    """Plain text, such as `compute_loss`; classes and functions of that name come first."""
    file: str = ""
    """As `find` has told it: `trainer/sft_trainer.py`. With `find` only this file is searched; without, it is shown."""
    first_line: Annotated[int, Field(ge=1)] = 1
    """From which line on it is shown."""


async def _show(given: ShowScript, desk: Desk) -> str:
    if given.name == METRIC:
        return (files("tools") / "metrics.py").read_text()
    if given.name not in SCRIPTS:
        raise ToolFault(f"there is no script {given.name!r}, only {', '.join([*SCRIPTS, METRIC])}")
    return (files("agents.engineer") / "scripts" / given.name).read_text()


async def _signature(given: NamedObject, desk: Desk) -> str:
    answer = await desk.ask("preflight", SignatureRequest(name=given.name))
    if not isinstance(answer, Signature) or not answer.found:
        raise ToolFault(answer.text if isinstance(answer, Signature) else f"no signature of {given.name}")
    return answer.text


async def _source(given: LibraryPlace, desk: Desk) -> str:
    if not given.find.strip() and not given.file:
        raise ToolFault("say what to `find`, or which `file` to show")
    answer = await desk.ask("preflight", LibrarySourceRequest(**given.model_dump()))
    if not isinstance(answer, LibrarySource) or not answer.found:
        raise ToolFault(answer.text if isinstance(answer, LibrarySource) else "the sources cannot be read now")
    return answer.text


SHOW_SCRIPT = Tool(
    "show_script", "One of the crew's own training scripts, to read or to begin from.", ShowScript, _show
)
SIGNATURE = Tool(
    "signature",
    "Parameters, defaults and documentation of a name in the libraries that are installed where jobs run.",
    NamedObject,
    _signature,
)
LIBRARY_SOURCE = Tool(
    "library_source",
    "The sources of the libraries that are installed where jobs run: where something is defined or used, and the lines "
    "of a file.",
    LibraryPlace,
    _source,
)
