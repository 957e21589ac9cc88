"""Makes the tiny base model that the examples train: a Llama of one million parameters.

    python examples/tiny/make.py [--out DIR] [--seed N]

The repository ships what it makes, in `model/`: six minutes of pretraining on two cores teach so small a
model to copy, and that is what fine-tuning needs. No network: the text is what Python itself carries
(docstrings, `pydoc` topics) and an almanac that this script writes (copied records, month names and
numbers, small sums). The almanac holds no answer to any example task: the floor of `dates` is 0.

Does nothing where the same model was already made; writes to a folder beside `--out` and renames it,
so a reader never sees half a model.
"""

from __future__ import annotations

import argparse
import ast
import json
import shutil
import sysconfig
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch
    from transformers import LlamaForCausalLM, PreTrainedTokenizerFast

RECIPE = 2  # raise when the recipe below changes, so that old models are made anew
VOCABULARY = 1024
PAD, EOS = "<pad>", "<eos>"
SHAPE = {
    "hidden_size": 128,
    "intermediate_size": 384,
    "num_hidden_layers": 4,
    "num_attention_heads": 4,
    "num_key_value_heads": 4,
    "max_position_embeddings": 512,
}
STEPS = 4000
WINDOW = 96  # tokens
BATCH = 32  # windows
PEAK_RATE = 3e-3
WARMUP = 0.1  # share of training
TRAINING_SECONDS = 330.0  # a slower machine makes fewer steps, and still decays to zero
ALMANAC_SHARE = 0.6  # of the windows
MARKER = "made.json"

MONTHS = (
    "January", "February", "March", "April", "May", "June", "July",
    "August", "September", "October", "November", "December",
)  # fmt: skip


def python_text() -> Iterator[str]:
    """What Python says of itself: language topics, and the docstrings of the standard library's modules."""
    try:
        from pydoc_data.topics import topics
    except ImportError:  # some distributions leave it out
        pass
    else:
        yield from topics.values()
    root = Path(sysconfig.get_paths()["stdlib"])
    for path in sorted(root.glob("*.py")):  # packages would double the time to read, and are not needed
        yield from docstrings(path)


def docstrings(path: Path) -> Iterator[str]:
    """Every docstring of a file; none of a file that is not this Python."""
    try:
        tree = ast.parse(path.read_text(encoding="utf-8"))
    except (SyntaxError, UnicodeDecodeError, ValueError):
        return
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            text = ast.get_docstring(node)
            if text:
                yield text


def almanac(rng: Random, words: list[str], lines: int) -> Iterator[str]:
    """Lines of records, month facts and small sums: regular text, from which copying is learnt."""
    kinds = (record, record, echo, month_fact, month_fact, table, total, total)
    for _ in range(lines):
        yield rng.choice(kinds)(rng, words)


def record(rng: Random, words: list[str]) -> str:
    """A record and its copy, the fields in another order."""
    fields = [rng.choice((str(rng.randint(0, 99)), str(rng.randint(1000, 9999)), rng.choice(words))) for _ in range(3)]
    order = list(range(3))
    rng.shuffle(order)
    names = rng.sample("abcdexyz", 3)
    first = ", ".join(f"{n} {f}" for n, f in zip(names, fields, strict=True))
    return f"{first} -> " + ", ".join(f"{names[i]} {fields[i]}" for i in order)


def echo(rng: Random, words: list[str]) -> str:
    """Something said twice."""
    said = " ".join(rng.choice((str(rng.randint(0, 9999)), rng.choice(words))) for _ in range(rng.randint(2, 4)))
    return f"{said} -> {said}"


def month_fact(rng: Random, words: list[str]) -> str:
    month = rng.randint(1, 12)
    name = MONTHS[month - 1]
    short = name[:3]
    return rng.choice(
        (
            f"{name} or {short} or {short.upper()} is month {month} or {month:02}",
            f"month {month:02} is {name}",
            f"{short} -> {month:02}",
            f"{name} -> {month:02}",
            f"after {name} comes {MONTHS[month % 12]}",
        )
    )


def table(rng: Random, words: list[str]) -> str:
    """Numbers, and the same with two digits."""
    numbers = [rng.randint(1, 31) for _ in range(3)]
    return " ".join(map(str, numbers)) + " -> " + " ".join(f"{n:02}" for n in numbers)


def total(rng: Random, words: list[str]) -> str:
    """A fact of one addition or subtraction."""
    a, b = rng.randint(0, 9), rng.randint(0, 9)
    return rng.choice((f"{a}+{b} = {a + b}", f"{a + b}-{a} = {b}"))


def build_tokenizer(texts: list[str]) -> PreTrainedTokenizerFast:
    """Byte-level BPE in which every digit is a token of its own, and which adds no token silently."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    tokenizer = Tokenizer(models.BPE())
    digits = pre_tokenizers.Digits(individual_digits=True)
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([digits, pre_tokenizers.ByteLevel(add_prefix_space=False)])
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY,
        special_tokens=[PAD, EOS],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer)
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        pad_token=PAD,
        eos_token=EOS,
        model_max_length=SHAPE["max_position_embeddings"],
        clean_up_tokenization_spaces=False,
        padding_side="left",  # as generation in batches needs
    )


def build_model(seed: int) -> LlamaForCausalLM:
    import torch
    from transformers import GenerationConfig, LlamaConfig, LlamaForCausalLM

    torch.manual_seed(seed)
    config = LlamaConfig(
        vocab_size=VOCABULARY,
        tie_word_embeddings=True,
        pad_token_id=0,
        bos_token_id=None,
        eos_token_id=1,
        **SHAPE,
    )
    model = LlamaForCausalLM(config)
    model.generation_config = GenerationConfig(do_sample=False, pad_token_id=0, eos_token_id=1, max_length=None)
    return model


def stream(tokenizer: PreTrainedTokenizerFast, texts: list[str]) -> torch.Tensor:
    """All texts as one line of token ids, each ended by <eos>. Shape (tokens,)."""
    import torch

    ids: list[int] = []
    for found in tokenizer(texts, add_special_tokens=False, verbose=False)["input_ids"]:
        ids.extend(found)
        ids.append(tokenizer.eos_token_id)
    return torch.tensor(ids)


def pretrain(model: LlamaForCausalLM, sources: list[tuple[torch.Tensor, int]], seed: int) -> float:
    """Trains on `sources`, each with its windows per batch; stops by steps or by time. Returns the last loss."""
    import torch

    chooser = torch.Generator().manual_seed(seed)
    optimizer = torch.optim.AdamW(model.parameters(), lr=PEAK_RATE, betas=(0.9, 0.95), weight_decay=0.05, fused=True)
    began, done, loss = time.monotonic(), 0.0, torch.tensor(0.0)
    for step in range(STEPS):
        rate = PEAK_RATE * min(1.0, (done + 1 / STEPS) / WARMUP, (1.0 - done) / (1.0 - WARMUP))
        for group in optimizer.param_groups:
            group["lr"] = rate
        batch = torch.cat([windows(ids, count, chooser) for ids, count in sources])
        loss = model(input_ids=batch, labels=batch).loss
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad()
        done = max((step + 1) / STEPS, (time.monotonic() - began) / TRAINING_SECONDS)
        if done >= 1.0:
            break
    return loss.item()


def windows(ids: torch.Tensor, count: int, chooser: torch.Generator) -> torch.Tensor:
    """`count` random stretches of the text. Shape (count, WINDOW)."""
    import torch

    starts = torch.randint(0, len(ids) - WINDOW, (count,), generator=chooser)
    return torch.stack([ids[start : start + WINDOW] for start in starts.tolist()])


def made_already(out: Path, settings: dict[str, int]) -> bool:
    try:
        return bool(json.loads((out / MARKER).read_text()) == settings)
    except (OSError, ValueError):
        return False


def put_in_place(made: Path, out: Path) -> None:
    """Renames `made` to `out`; an older model there steps aside first, for a folder cannot be overwritten."""
    if out.exists():
        old = Path(tempfile.mkdtemp(prefix=".model-old-", dir=out.parent))
        out.replace(old / out.name)
        shutil.rmtree(old, ignore_errors=True)
    made.replace(out)


def main(args: argparse.Namespace) -> None:
    settings = {"recipe": RECIPE, "seed": args.seed}
    if made_already(args.out, settings):
        return
    began = time.monotonic()
    rng = Random(args.seed)
    prose = list(python_text())
    words = sorted({word for text in prose[:200] for word in text.split() if word.isalpha()})
    lines = ["\n".join(almanac(rng, words, 8)) for _ in range(6000)]
    print(f"text: {sum(map(len, prose)):,} + {sum(map(len, lines)):,} characters")
    tokenizer = build_tokenizer(prose + lines[:1000])
    model = build_model(args.seed)
    print(f"model: {model.num_parameters():,} parameters, vocabulary {len(tokenizer)}")
    drilled = int(BATCH * ALMANAC_SHARE)
    sources = [(stream(tokenizer, prose), BATCH - drilled), (stream(tokenizer, lines), drilled)]
    loss = pretrain(model, [source for source in sources if source[1]], args.seed)
    args.out.parent.mkdir(parents=True, exist_ok=True)
    made = Path(tempfile.mkdtemp(prefix=".model-", dir=args.out.parent))
    model.save_pretrained(made)
    tokenizer.save_pretrained(made)
    (made / MARKER).write_text(json.dumps(settings))
    put_in_place(made, args.out)
    print(f"made {args.out} in {time.monotonic() - began:.0f} s, loss {loss:.2f}")


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "model")
    parser.add_argument("--seed", type=int, default=0)
    return parser.parse_args()


if __name__ == "__main__":
    main(parse())
