"""Training on a GPU through the executor, beside the same script run by hand on the same machine.

    python -m benchmarks.gpu [--parameters 160e6] [--steps 200] [--grpo-steps 30] [--rounds 3] [--cpu]

SFT and GRPO of a Llama with random weights. Prints one JSON object: for each, steps/s through the executor and by hand
(in turn; medians), their ratio, the device's mean utilisation while a job trained, and how long a job took from the
queue to the first line of its script (warm) and a fresh process until it had imported the same (cold).
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import random
import re
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.resources import files
from pathlib import Path
from typing import Any

import yaml

from agents.engineer.config import BESIDE
from benchmarks.executor.harness import ROOT, Bench, progress, worker
from protocol.envelope import wrap
from protocol.job import Job, JobFailed, JobFinished, JobSpec, JobStarted, Needs
from protocol.queue import submit
from services.bus_server import BusServer

QUEUE = "bench"
ROWS = 20_000
HIDDEN, LAYER_PARAMETERS = 1024, 13e6
"""Of a Llama layer with this hidden size and an intermediate one of 2816."""
RATE = re.compile(r"'train_steps_per_second': '?([\d.]+)")


def make_model(folder: Path, parameters: float) -> float:
    """A random Llama of about so many parameters, with the byte tokenizer of the bundled one; its real count."""
    import torch
    from transformers import AutoTokenizer, LlamaConfig, LlamaForCausalLM

    tokenizer = AutoTokenizer.from_pretrained(ROOT / "examples" / "tiny" / "model")
    torch.manual_seed(0)
    small = parameters < LAYER_PARAMETERS
    shape = (128, 352, 2, 4) if small else (HIDDEN, 2816, round(parameters / LAYER_PARAMETERS), 16)
    config = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=shape[0],
        intermediate_size=shape[1],
        num_hidden_layers=shape[2],
        num_attention_heads=shape[3],
        max_position_embeddings=512,
        pad_token_id=tokenizer.pad_token_id,
        eos_token_id=tokenizer.eos_token_id,
        bos_token_id=tokenizer.bos_token_id,
    )
    model = LlamaForCausalLM(config)
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    (folder / "model.safetensors").chmod(0o644)
    return float(sum(weight.numel() for weight in model.parameters()))


def make_rows(path: Path) -> None:
    """Sums, as a mixture has them."""
    drawn = random.Random(0)
    with path.open("w") as lines:
        for _ in range(ROWS):
            a, b = drawn.randrange(10**6), drawn.randrange(10**6)
            row = {"prompt": f"{a} + {b} =", "completion": f" {a + b}", "answer": str(a + b), "row": {"a": a}}
            lines.write(json.dumps(row) + "\n")


def config(kind: str, model: Path, rows: Path, steps: int, gpu: bool) -> dict[str, Any]:
    common = {
        "model_name_or_path": str(model),
        "dataset_name": str(rows),
        "output_dir": "model",
        "dtype": "bfloat16" if gpu else "float32",
        "bf16": gpu,
        "use_cpu": not gpu,
        "max_steps": steps,
        "train_seconds": 0.0,
        "learning_rate": 1e-4,
        "logging_steps": 5,
        "save_strategy": "no",
        "report_to": "none",
        "disable_tqdm": True,
    }
    if kind == "sft":
        pairs = {"max_length": 64, "dataset_kwargs": {"skip_prepare_dataset": True}}
        return common | pairs | {"per_device_train_batch_size": 64 if gpu else 8}
    batch = 64 if gpu else 8
    sampled = {"num_generations": 8, "max_completion_length": 16, "per_device_train_batch_size": batch}
    return common | sampled | {"beta": 0.0, "temperature": 1.0, "metric": "exact_match", "metric_folder": "."}


def texts(kind: str, told: dict[str, Any]) -> dict[str, str]:
    scripts = files("agents.engineer") / "scripts"
    found = {name: (scripts / name).read_text() for name in (f"{kind}.py", "pairs.py", "seconds_schedule.py")}
    found |= {name: (files("tools") / tool).read_text() for name, tool in BESIDE.items()}
    return found | {"config.yaml": yaml.safe_dump(told)}


def by_hand(kind: str, folder: Path, told: dict[str, Any]) -> tuple[float, float]:
    """(steps/s, seconds until torch, transformers and trl were imported) of `python sft.py --config config.yaml`."""
    folder.mkdir(parents=True)
    for name, text in texts(kind, told).items():
        (folder / name).write_text(text)
    begun = time.monotonic()
    subprocess.run(
        [sys.executable, "-c", "import torch, transformers, trl; trl.SFTTrainer, trl.GRPOTrainer"], check=True
    )
    cold = time.monotonic() - begun
    command = [sys.executable, f"{kind}.py", "--config", "config.yaml"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(done.stdout[-2000:] + done.stderr[-4000:])
    return _rate(done.stdout), cold


def _rate(output: str) -> float:
    found = RATE.findall(output)
    if not found:
        sys.exit(f"no steps per second in:\n{output[-2000:]}")
    return float(found[-1])


@contextmanager
def utilisation() -> Iterator[list[float]]:
    """The first GPU's utilisation, 0 to 1, ten times a second; empty without one."""
    samples: list[float] = []
    over = threading.Event()

    def sample() -> None:
        try:
            import pynvml

            pynvml.nvmlInit()
            device = pynvml.nvmlDeviceGetHandleByIndex(0)
        except Exception:
            return
        while not over.wait(0.1):
            samples.append(pynvml.nvmlDeviceGetUtilizationRates(device).gpu / 100)

    thread = threading.Thread(target=sample, daemon=True)
    thread.start()
    yield samples
    over.set()
    thread.join(1)


async def by_executor(bench: Bench, kind: str, name: str, settings: dict[str, Any], gpu: bool) -> dict[str, float]:
    job = Job(
        id=f"{bench.run}-{name}",
        run=bench.run,
        experiment=name,
        queue=QUEUE,
        folder=str(bench.folder / bench.run / name),
        spec=JobSpec(
            files=texts(kind, settings),
            argv=(f"{kind}.py", "--config", "config.yaml"),
            reads=(settings["model_name_or_path"], settings["dataset_name"]),
            seconds=3600.0,
            needs=Needs(gpus=1 if gpu else 0),
        ),
    )
    await submit(bench.bus, wrap(job, run=bench.run, sender="experimentalist", recipient="worker", id=job.id))
    started = await bench.wait(job, JobStarted)
    with utilisation() as samples:
        ended = await bench.wait(job, JobFinished, JobFailed)
    if isinstance(ended, JobFailed):
        sys.exit("\n".join((ended.headline(), *ended.evidence)))
    output = (Path(job.folder) / "output.log").read_text()
    share = ended.train_seconds / max(ended.seconds, 1e-9)
    busy = sorted(samples)[-max(1, round(len(samples) * share)) :]
    told = {"steps_per_s": _rate(output), "warm_start_s": started.warm_start_s}
    return told | ({"busy": statistics.fmean(busy)} if busy else {})


async def main(args: argparse.Namespace) -> dict[str, Any]:
    gpu = not args.cpu
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary).resolve()
        folder.chmod(0o755)
        rows = folder / "rows.jsonl"
        make_rows(rows)
        told: dict[str, Any] = {"parameters": make_model(folder / "base", args.parameters)}
        async with BusServer(folder / "bus") as server:
            bench = await Bench.open(server.connection, folder / "jobs", "gpu")
            async with worker(server.connection, "services.executor", "gpu", slots=1):
                for kind, steps in (("sft", args.steps), ("grpo", args.grpo_steps)):
                    settings = config(kind, folder / "base", rows, steps, gpu)
                    told[kind] = await _compare(bench, kind, settings, folder, args.rounds, gpu)
            await bench.bus.close()
    return told | {"device": _device() if gpu else f"cpu, {os.cpu_count()} cores"}


async def _compare(
    bench: Bench, kind: str, settings: dict[str, Any], folder: Path, rounds: int, gpu: bool
) -> dict[str, float]:
    ours, hand, cold = [], [], []
    for n in range(rounds):
        ours.append(await by_executor(bench, kind, f"{kind}-{n}", settings, gpu))
        rate, imported = await asyncio.to_thread(by_hand, kind, folder / f"hand-{kind}-{n}", settings)
        hand.append(rate)
        cold.append(imported)
        progress(f"{kind} {n + 1}/{rounds}: {ours[-1]}, by hand {rate:.2f} steps/s")
    median = {name: statistics.median(one[name] for one in ours) for name in ours[0]}
    by = statistics.median(hand)
    found = median | {"steps_per_s_by_hand": by, "ratio": median["steps_per_s"] / by}
    return found | {"cold_start_s": statistics.median(cold)}


def _device() -> str:
    import torch

    return torch.cuda.get_device_name(0)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--parameters", type=float, default=160e6)
    parser.add_argument("--steps", type=int, default=200)
    parser.add_argument("--grpo-steps", type=int, default=30)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--cpu", action="store_true", help="without a GPU: to see that this works, not to measure")
    print(json.dumps(asyncio.run(main(parser.parse_args()))))
