"""The Engineer's tools: the crew's own scripts to begin from, and the signatures of what jobs can import."""

from __future__ import annotations

from importlib.resources import files

from protocol.preflight import Signature, SignatureRequest
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


SHOW_SCRIPT = Tool(
    "show_script", "One of the crew's own training scripts, to read or to begin from.", ShowScript, _show
)
SIGNATURE = Tool(
    "signature",
    "Parameters, defaults and documentation of a name in the libraries that are installed where jobs run.",
    NamedObject,
    _signature,
)
