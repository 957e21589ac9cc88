"""Which messages people want to see of a run: decisions and results. Asked by the command line and by Studio."""

from __future__ import annotations

from protocol.advice import Advice
from protocol.control import Working
from protocol.foreign import Foreign
from protocol.job import CancelJob, Job, JobAccepted, JobCheckpoint, JobLog, JobMetric
from protocol.message import Message
from protocol.schedule import RungCheck, RungVerdict, Schedule
from protocol.score import PrepareEval
from protocol.studio import StepTaken

_NOISE = (JobMetric, JobLog, JobCheckpoint, JobAccepted, Job, CancelJob, RungCheck, PrepareEval, Working, StepTaken)
_QUESTION = "_request"
_COUNTS = ("overlap", "generated")
"""Of these the data plan, or what was synthesized, says what matters."""


def worth_a_line(message: Message) -> bool:
    """Whether a reader without `-v` gets to see it: decisions and results, not figures in passing, and no question
    (its answer says what it was about). Kinds that are not known here are shown: a new role wants to be seen."""
    if isinstance(message, _NOISE) or message.type.endswith(_QUESTION) or message.type in _COUNTS:
        return False
    if isinstance(message, Advice):
        return bool(message.text or message.directive)
    if isinstance(message, Foreign):
        return not message.kind.endswith(_QUESTION)
    if isinstance(message, RungVerdict):
        return not message.keep
    if isinstance(message, Schedule):
        return bool(message.slots or message.left_out)
    return True
