"""Scores a shipped model folder with plain transformers, and nothing of ours:

    python outside.py final_model rows.jsonl …      # rows of {"prompt": …, "answer": …}, rendered

Prints the share of right answers, a line for each file. It does what `prompt.json` and `generation_config.json` in
the folder say.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path


def encode(tokenizer, shots: list[dict], prompt: str, room: int) -> list[int]:
    """The prompt behind as many worked examples as fit, the first ones left out first."""
    ids: list[int] = []
    for left_out in range(len(shots) + 1):
        prefix = "".join(shot["prompt"] + shot["answer"] + "\n" for shot in shots[left_out:])
        ids = tokenizer(prefix + prompt)["input_ids"]
        if len(ids) <= room:
            return ids
    return ids[-room:]


def main(folder: Path, files: list[Path]) -> None:
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    torch.set_num_threads(1)
    said = json.loads((folder / "prompt.json").read_text())
    tokenizer = AutoTokenizer.from_pretrained(folder)
    model = AutoModelForCausalLM.from_pretrained(folder).eval()
    room = model.config.max_position_embeddings - model.generation_config.max_new_tokens
    for file in files:
        rows = [json.loads(line) for line in file.read_text().split("\n") if line]
        right = 0
        for row in rows:
            ids = torch.tensor([encode(tokenizer, said["shots"], row["prompt"], room)])
            with torch.inference_mode():
                made = model.generate(input_ids=ids, attention_mask=torch.ones_like(ids))
            answer = tokenizer.decode(made[0, ids.shape[1] :], skip_special_tokens=True)
            for stop in said["stop"]:
                answer = answer.split(stop)[0]
            right += answer.split() == row["answer"].split()
        print(f"{right / len(rows):.6f}")


if __name__ == "__main__":
    main(Path(sys.argv[1]), [Path(name) for name in sys.argv[2:]])
