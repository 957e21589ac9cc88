"""NaN and Inf that a library stumbled over."""

from __future__ import annotations

from services.executor.diagnosis.patterns.pattern import words

NUMBERS = (
    words(
        "nan",
        r"probability tensor contains either `?inf`?, `?nan`?",
        r"(contains|found|has|is|are|returned) (NaN|nan|Inf|inf|non-finite)\b",
        r"Function '\w+' returned nan values",  # torch.autograd.detect_anomaly
        r"total norm .* is non-finite",
        r"cannot convert float (NaN|infinity) to integer",
        r"^FloatingPointError",
    ),
)
