"""Tensors that do not go together: by shape, by dtype or by device."""

from __future__ import annotations

from services.executor.diagnosis.patterns.pattern import words

TENSORS = (
    words(
        "dtype_mismatch",
        r"(have|has|having) (the )?same dtype",
        r"expected (scalar type|dtype)|[Ee]xpected .* to have dtype",
        r"(must|should) have the same dtype",
        r"Input type \(.+\) and (weight|bias) type \(.+\) should be the same",
        r"\"\w+\" not implemented for '\w+'",
        r"result type \w+ can't be cast to",
        r"only support fp16 and bf16",
        r"Only Tensors of floating point .* can require gradients",
        r"Expected all tensors to be on the same device",
        r"Expected tensor for argument .* to have (one of the following )?scalar type",
    ),
    words(
        "shape_mismatch",
        r"shapes cannot be multiplied",
        r"size mismatch|Sizes of tensors must match|[Ss]hape mismatch|mismatched (sizes|shapes)",
        r"The (expanded )?size of (the )?tensor .* must match",
        r"shape '.*' is invalid for input",
        r"Expected input batch_size \(\d+\) to match target batch_size",
        r"Target size .* must be the same as input size",
        r"stack expects each tensor to be equal size",
        r"expected sequence of length \d+ at dim \d+",
        r"Expected target size|Given groups=|inconsistent tensor size",
        r"(output with|mask of) shape .* (doesn't|does not) match",
        r"could not be broadcast together",
        r"The shape of the mask",
    ),
)
