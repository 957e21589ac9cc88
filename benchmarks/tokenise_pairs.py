"""Preparing prompt-completion pairs: all at once (`scripts/pairs.py`) against TRL's own row-by-row maps.

    python benchmarks/tokenise_pairs.py [--rows 8000] [--repeats 3]

Both in the same process, on the same rows, in turn; prints one JSON object with the median ratio TRL / ours. A job of
ten seconds that spends four of them in `map` is why the difference matters.
"""

from __future__ import annotations

import argparse
import json
import random
import runpy
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
TINY = ROOT / "examples" / "tiny" / "model"
LONGEST = 64


def made(rows: int) -> list[dict[str, str]]:
    rng = random.Random(0)
    numbers = [str(rng.randrange(10**9)) for _ in range(rows)]
    return [{"prompt": f"The number {number} backwards ->", "completion": f" {number[::-1]}"} for number in numbers]


def trl(rows: list[dict[str, str]], tokenizer: Any, folder: str) -> float:
    """Seconds that `SFTTrainer` takes to prepare the rows (the model it loads beside is a million parameters)."""
    from datasets import Dataset, disable_caching
    from trl import SFTConfig, SFTTrainer

    disable_caching()
    config = SFTConfig(output_dir=folder, max_length=LONGEST, use_cpu=True, bf16=False, report_to="none")
    begun = time.perf_counter()
    SFTTrainer(model=str(TINY), args=config, train_dataset=Dataset.from_list(rows), processing_class=tokenizer)
    return time.perf_counter() - begun


def ours(rows: list[dict[str, str]], tokenizer: Any) -> float:
    tokenized = runpy.run_path(str(ROOT / "agents" / "engineer" / "scripts" / "pairs.py"))["tokenized"]
    begun = time.perf_counter()
    tokenized(rows, tokenizer, LONGEST)
    return time.perf_counter() - begun


def main(args: argparse.Namespace) -> None:
    from transformers import AutoTokenizer
    from transformers.utils import logging

    logging.disable_progress_bar()
    tokenizer, rows = AutoTokenizer.from_pretrained(TINY), made(args.rows)
    with tempfile.TemporaryDirectory() as folder:
        pairs = [(trl(rows, tokenizer, folder), ours(rows, tokenizer)) for _ in range(args.repeats)]
    result = {
        "rows": args.rows,
        "trl_s": round(statistics.median(theirs for theirs, _ in pairs), 3),
        "ours_s": round(statistics.median(mine for _, mine in pairs), 3),
        "ratio": round(statistics.median(theirs / mine for theirs, mine in pairs), 1),
    }
    print(json.dumps(result))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=8000)
    parser.add_argument("--repeats", type=int, default=3)
    main(parser.parse_args())
