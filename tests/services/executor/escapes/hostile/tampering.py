"""A hostile job that lies to the worker: in its events, in its log, by what it leaves as a model. One way a job."""

# ruff: noqa: PTH102, PTH104, PTH108, PTH112, PTH114, PTH120, PTH123, PTH211

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path
from typing import Any

TARGETS: dict[str, Any] = json.loads(Path("targets.json").read_text())
SEALED: str = TARGETS["sealed"][0]
ESCAPES = "\x1b]0;owned\x07\x1b[2J\x1b[31mred \x9b5n \u202eback \r\x08\x00"


def say(line: str) -> None:
    with open("events.jsonl", "a") as file:
        file.write(line + "\n")


def forged_end() -> int:
    say('{"kind": "finished", "model": "/etc"}')
    say('{"type": "job_finished", "model": "/etc", "steps": 9}')
    say('{"kind": "train_ended", "step": 1000000, "seconds": 1, "loss": 0, "stopped_early": false}')
    return 3


def flood_of_events() -> int:
    with open("events.jsonl", "a") as file:
        for number in range(1_000_000):
            file.write(f'{{"kind": "metric", "step": {number}, "max_steps": 1, "values": {{"m{number}": 1}}}}\n')
    return 3


def flood_of_checkpoints() -> int:
    with open("events.jsonl", "a") as file:
        for number in range(100_000):
            file.write(f'{{"kind": "checkpoint", "step": {number}, "path": "{"x" * 300}"}}\n')
    return 3


def flood_of_lines() -> int:
    for block in range(400):
        sys.stdout.write("".join(f"{block} {number} {'x' * 50}\n" for number in range(500)))
    return 3


def lines_without_end() -> int:
    for name in ("events.jsonl", "output.log"):
        with open(name, "ab") as file:
            for _ in range(25):
                file.write(b"\xff" * (1 << 20))
    print("\nlast line")
    return 3


def strange_bytes() -> int:
    with open("events.jsonl", "ab") as file:
        file.write(b"\xff\xfe\x00\n" + b"[" * 30_000 + b"\n" + b'{"kind": "metric", "step": ' + b"9" * 4000 + b"}\n")
        file.write(b'{"kind": "metric", "step": 1e400, "max_steps": 1, "values": {"loss": 1}}\n')
        file.write(b'{"kind": "metric", "step": 1, "max_steps": 1, "values": {"loss": -Infinity}}\n')
    return 3


def escapes_for_the_terminal() -> int:
    print(ESCAPES, flush=True)
    name = json.dumps(ESCAPES)
    say(f'{{"kind": "metric", "step": 1, "max_steps": 1, "values": {{{name}: 1}}}}')
    say(f'{{"kind": "checkpoint", "step": 1, "path": {name}}}')
    say(f'{{"kind": {name}}}')
    time.sleep(0.5)
    print(ESCAPES, flush=True)
    return 3


def log_that_is_a_link() -> int:
    for name in ("output.log", "events.jsonl"):
        os.unlink(name)
        os.symlink(SEALED, name)
    time.sleep(1)
    return 3


def log_that_is_a_fifo() -> int:
    for name in ("output.log", "events.jsonl"):
        os.unlink(name)
        os.mkfifo(name)
    time.sleep(1)
    return 3


def log_that_is_a_folder_or_a_device() -> int:
    os.unlink("output.log")
    os.mkdir("output.log")
    os.unlink("events.jsonl")
    os.symlink("/dev/zero", "events.jsonl")
    time.sleep(1)
    return 3


def log_of_a_terabyte() -> int:
    try:
        os.truncate("output.log", 1 << 40)
    except OSError as error:
        print(error)
    os.truncate("events.jsonl", 100 << 20)
    time.sleep(1)
    return 3


def links_for_the_next_delivery() -> int:
    """The worker writes its files anew into the same folder."""
    for name in ("output.log", "events.jsonl", "probing.py", "hostile.py", "model", "checkpoint-1", ".scratch"):
        if os.path.isdir(name) and not os.path.islink(name):
            os.rename(name, f"{name}.aside")
        elif os.path.lexists(name):
            os.unlink(name)
        os.symlink(f"{TARGETS['home']}/.bashrc" if "." in name[1:] else TARGETS["home"], name)
    return 3


def model() -> Path:
    made = Path("model")
    made.mkdir()
    (made / "config.json").write_text("{}")
    header = json.dumps({"w": {"dtype": "F32", "shape": [4], "data_offsets": [0, 16]}}).encode()
    (made / "model.safetensors").write_bytes(len(header).to_bytes(8, "little") + header + bytes(16))
    return made


def honest_model() -> int:
    model()
    return 0


def model_that_is_the_sealed_folder() -> int:
    os.symlink(os.path.dirname(SEALED), "model")
    return 0


def model_that_is_the_base() -> int:
    os.symlink(TARGETS["reads"][0], "model")
    return 0


def weights_that_are_the_test_split() -> int:
    weights = model() / "model.safetensors"
    weights.unlink()
    weights.symlink_to(SEALED)
    return 0


def configuration_that_nobody_writes_to() -> int:
    config = model() / "config.json"
    config.unlink()
    os.mkfifo(config)
    return 0


def model_with_code() -> int:
    (model() / "config.json").write_text('{"auto_map": {"AutoModelForCausalLM": "evil.Model"}}')
    return 0


def model_that_is_a_pickle() -> int:
    made = model()
    (made / "model.safetensors").rename(made / "pytorch_model.bin")
    return 0


def adapter_of_another_model() -> int:
    (model() / "adapter_config.json").write_text(json.dumps({"base_model_name_or_path": "/etc"}))
    return 0


def shards_elsewhere() -> int:
    index = {"weight_map": {"w": SEALED}}
    (model() / "model.safetensors.index.json").write_text(json.dumps(index))
    return 0


def million_files() -> int:
    made = model()
    for number in range(5000):
        (made / f"{number}.json").touch()
    return 0


if __name__ == "__main__":
    sys.exit(globals()[sys.argv[1]]())
