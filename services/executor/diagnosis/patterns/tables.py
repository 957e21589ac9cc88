"""All tables, the most specific first: the first pattern that matches names the failure."""

from __future__ import annotations

from services.executor.diagnosis.patterns.code import CODE
from services.executor.diagnosis.patterns.columns import COLUMNS
from services.executor.diagnosis.patterns.disk import DISK
from services.executor.diagnosis.patterns.hub import HUB
from services.executor.diagnosis.patterns.machine import MACHINE
from services.executor.diagnosis.patterns.memory import MEMORY
from services.executor.diagnosis.patterns.numbers import NUMBERS
from services.executor.diagnosis.patterns.pattern import Pattern
from services.executor.diagnosis.patterns.start import START
from services.executor.diagnosis.patterns.system import SYSTEM
from services.executor.diagnosis.patterns.tensors import TENSORS
from services.executor.diagnosis.patterns.text import TEXT

PATTERNS: tuple[Pattern, ...] = (
    *START,
    *MEMORY,
    *DISK,
    *MACHINE,
    *NUMBERS,
    *HUB,
    *TENSORS,
    *CODE,
    *COLUMNS,
    *TEXT,
    *SYSTEM,
)
