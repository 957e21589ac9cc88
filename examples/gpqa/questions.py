"""Sources for the `gpqa` task: public multiple-choice questions from the Hugging Face Hub, all in one form.

    python questions.py sciq                    # JSONL {"question", "a", "b", "c", "d", "letter"} on stdout
    python questions.py medmcqa --rows 20000

Called by whoever loads `task.yaml`. Needs the `datasets` package, and the network once: after that the Hub's cache
serves. None of the three holds GPQA, whose questions were written for it in 2023; all of them are older.
Options stand in an order drawn from the question itself, so that it is the same whenever this is run.
"""

from __future__ import annotations

import argparse
import json
import sys
import zlib
from collections.abc import Callable, Iterator, Mapping
from random import Random
from typing import Any

LETTERS = "ABCD"
SOURCES = {"sciq": ("allenai/sciq", [None]), "arc": ("allenai/ai2_arc", ["ARC-Challenge", "ARC-Easy"]),
           "medmcqa": ("openlifescienceai/medmcqa", [None])}  # fmt: skip
"""Name → dataset and its configurations."""

Row = dict[str, str]
Choice = tuple[str, str, list[str]]  # question, right answer, wrong answers


def sciq(row: Mapping[str, Any]) -> Choice | None:
    return row["question"], row["correct_answer"], [row[f"distractor{n}"] for n in (1, 2, 3)]


def arc(row: Mapping[str, Any]) -> Choice | None:
    """None for the few questions with three or five options."""
    options = dict(zip(row["choices"]["label"], row["choices"]["text"], strict=True))
    right = options.pop(row["answerKey"], None)
    return (row["question"], right, list(options.values())) if right is not None and len(options) == 3 else None


def medmcqa(row: Mapping[str, Any]) -> Choice | None:
    """None for questions with several right answers."""
    options = [row["opa"], row["opb"], row["opc"], row["opd"]]
    if row["choice_type"] != "single" or not 0 <= row["cop"] < 4:
        return None
    right = options.pop(row["cop"])
    return row["question"], right, options


READERS: dict[str, Callable[[Mapping[str, Any]], Choice | None]] = {"sciq": sciq, "arc": arc, "medmcqa": medmcqa}


def asked(choice: Choice) -> Row | None:
    """The question as the templates of the task have it; None where two options are the same, or one is empty."""
    question, right, wrong = (choice[0].strip(), choice[1].strip(), [text.strip() for text in choice[2]])
    options = [right, *wrong]
    if not question or not all(options) or len({text.casefold() for text in options}) < 4:
        return None
    Random(zlib.crc32(question.encode())).shuffle(options)
    letters = dict(zip("abcd", options, strict=True))
    return {"question": question, **letters, "letter": LETTERS[options.index(right)]}


def rows(name: str) -> Iterator[Row]:
    """All usable questions of a source's training split."""
    from datasets import load_dataset

    dataset, configs = SOURCES[name]
    for config in configs:
        for row in load_dataset(dataset, config, split="train"):
            choice = READERS[name](row)
            made = asked(choice) if choice is not None else None
            if made is not None:
                yield made


def main() -> None:
    parser = argparse.ArgumentParser(description="Questions from the Hub as JSONL.")
    parser.add_argument("source", choices=SOURCES)
    parser.add_argument("--rows", type=int, help="A seeded sample of so many.")
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    found = list(rows(given.source))
    if given.rows is not None and given.rows < len(found):
        found = Random(given.seed).sample(found, given.rows)
    for row in found:
        sys.stdout.write(json.dumps(row, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main()
