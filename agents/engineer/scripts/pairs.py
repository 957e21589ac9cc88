"""Prompt-completion pairs, tokenised all at once: TRL's own row-by-row `map`s take longer than a short job has.

The result is what `SFTTrainer` makes of the same rows (checked by a test): loss on the completion and its end token
only, sequences cut at `max_length`, rows without an answer left after the cut dropped. Use it with
`dataset_kwargs: {skip_prepare_dataset: true}`. Copied into job folders by the Engineer.
"""

from __future__ import annotations

from typing import Any

IGNORED = -100


def tokenized(rows: list[dict[str, str]], tokenizer: Any, max_length: int) -> Any:
    """A `datasets.Dataset` with `input_ids` and `labels` (lists of int, at most `max_length` long)."""
    from datasets import Dataset

    end = tokenizer.eos_token
    completions = [row["completion"] if row["completion"].endswith(end) else row["completion"] + end for row in rows]
    prompts = tokenizer([row["prompt"] for row in rows])["input_ids"]
    wholes = tokenizer([row["prompt"] + text for row, text in zip(rows, completions, strict=True)])["input_ids"]
    examples = []
    for prompt, whole in zip(prompts, wholes, strict=True):
        start = _common_prefix(prompt, whole)
        labels = [IGNORED] * start + whole[start:]
        if any(label != IGNORED for label in labels[:max_length]):
            examples.append({"input_ids": whole[:max_length], "labels": labels[:max_length]})
    return Dataset.from_list(examples)


def _common_prefix(prompt: list[int], whole: list[int]) -> int:
    """Where the completion begins: tokens may merge across the border."""
    for position, (one, other) in enumerate(zip(prompt, whole, strict=False)):
        if one != other:
            return position
    return min(len(prompt), len(whole))
