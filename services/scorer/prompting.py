"""Few-shot prompts as token ids that fit the model's context: whole examples go first. Called by `generate`."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from services.scorer.items import Shot

Encode = Callable[[list[str]], list[list[int]]]


def fit(prompts: Sequence[str], shots: Sequence[Shot], room: int, encode: Encode) -> list[list[int]]:
    """Token ids of each prompt behind its worked examples, at most `room` of them.

    Where they do not fit, the first example is left out, then the second, and so on; a prompt that is too long by
    itself loses its beginning. Each prompt is fitted for itself, so that what it becomes depends on nothing else:
    whoever runs the model from `prompt.json` does the same and gets the same.
    """
    fitted: list[list[int]] = [[] for _ in prompts]
    waiting = list(range(len(prompts)))
    for left_out in range(len(shots) + 1):
        prefix = "".join(shot.text for shot in shots[left_out:])
        encoded = encode([prefix + prompts[number] for number in waiting])
        too_long: list[int] = []
        for number, ids in zip(waiting, encoded, strict=True):
            fitted[number] = ids
            if len(ids) > room:
                too_long.append(number)
        if not too_long:
            return fitted
        waiting = too_long
    for number in waiting:
        fitted[number] = fitted[number][-room:]
    return fitted
