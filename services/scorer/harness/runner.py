"""What runs in a harness's own process and environment: `python runner.py REQUEST.json REPLY.json`.

Imports the standard library and the harness, nothing of ours, which that environment need not have. Started by `ask`.
A reply is `{"harness": …, "items": […]}`, or `{"fault": {"kind": …, "told": …}}` with the exit code 0.
"""

from __future__ import annotations

import difflib
import hashlib
import importlib.metadata
import json
import os
import random
import re
import sys
import traceback
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

Request = dict[str, Any]
CPU_BATCH, GPU_BATCH = 16, 32
SHOWN_CHARACTERS = 500
RANDOM_SEED, FEWSHOT_SEED = 0, 1234
"""lm_eval's own (lm_eval/defaults.py)."""


class Mendable(Exception):
    """Something that the task's author can put right."""


def keyed(texts: Iterable[str]) -> list[str]:
    """A key for each item, from its content; equal ones are told apart by their order."""
    seen: dict[str, int] = {}
    keys = []
    for text in texts:
        digest = hashlib.sha256(text.encode()).hexdigest()[:24]
        seen[digest] = seen.get(digest, 0) + 1
        keys.append(digest if seen[digest] == 1 else f"{digest}-{seen[digest]}")
    return keys


def chosen(values: dict[str, Any], wanted: str | None) -> Any:
    """The metric that counts. Raises `Mendable` for one that is not there."""
    if wanted is None:
        return next(iter(values.values()))
    if wanted not in values:
        raise Mendable(f"benchmark.score is {wanted!r}, and there is: {', '.join(values)}")
    return values[wanted]


def fraction(name: str, value: Any) -> float:
    """Raises `Mendable` for what is no number from 0 to 1."""
    try:
        number = float(value)
    except (TypeError, ValueError):
        number = float("nan")
    if not 0.0 <= number <= 1.0:
        raise Mendable(f"{name} gives {str(value)[:40]!r}, no number from 0 to 1: name another in benchmark.score")
    return number


def lm_eval_tasks(request: Request) -> dict[str, Any]:
    """Its leaf tasks by name, as the request wants them asked."""
    import numpy
    from lm_eval.tasks import TaskManager

    random.seed(RANDOM_SEED)  # tasks may shuffle choices as they are loaded
    numpy.random.seed(FEWSHOT_SEED)
    name = request["task"]
    manager = TaskManager(include_path=request["folder"], include_defaults=False)
    if name not in manager.all_tasks:  # the harness's own, which take 8 s to look through
        manager = TaskManager(include_path=request["folder"])
    if name not in manager.all_tasks:
        close = difflib.get_close_matches(name, manager.all_tasks, n=3) or ["what `lm-eval ls tasks` lists"]
        meant = f"did you mean {' or '.join(close)}?"
        raise Mendable(f"lm_eval has no task {name!r}, nor is one in a YAML file below {request['folder']}: {meant}")
    loaded: dict[str, Any] = manager.load([name])
    for task in loaded["tasks"].values():
        _settle(task, request)
    return loaded


def _settle(task: Any, request: Request) -> None:
    """As `lm_eval.simple_evaluate` does it."""
    if getattr(task, "UNSAFE_CODE", False) or task.get_config("unsafe_code"):
        raise Mendable("it runs code that the model has written, which the scorer does not: choose another benchmark")
    if request["split"]:
        if request["split"] not in task.dataset:
            raise Mendable(f"benchmark.dev_split is {request['split']!r}, and there is: {', '.join(task.dataset)}")
        task.set_config(key="test_split", value=request["split"])
    own = task.get_config("num_fewshot")
    if own == 0 and request["shots"]:
        raise Mendable("its task says 0 shots, which lm_eval does not overrule: take benchmark.shots out")
    if own is None or request["shots"] is not None:
        task.set_config(key="num_fewshot", value=request["shots"] or 0)
    task.set_fewshot_seed(seed=FEWSHOT_SEED)


def lm_eval_name(tasks: dict[str, Any]) -> str:
    told = json.dumps({name: task.dump_config() for name, task in tasks.items()}, sort_keys=True, default=str)
    configs = re.sub(r" at 0x[0-9a-f]+", "", told)  # where a function lies in memory
    return f"lm_eval {importlib.metadata.version('lm_eval')}, {hashlib.sha256(configs.encode()).hexdigest()[:12]}"


def lm_eval_keys(name: str, docs: Iterable[Any]) -> list[str]:
    return keyed(f"{name}\n{json.dumps(doc, sort_keys=True, default=str)}" for doc in docs)


def lm_eval_list(request: Request) -> dict[str, Any]:
    tasks = lm_eval_tasks(request)["tasks"]
    items = []
    for name, task in tasks.items():
        docs = list(task.eval_docs)
        for key, doc in zip(lm_eval_keys(name, docs), docs, strict=True):
            target = task.doc_to_target(doc)
            if isinstance(target, int) and task.OUTPUT_TYPE == "multiple_choice":
                target = task.doc_to_choice(doc)[target]
            items.append({"id": key, "prompt": _asked(task, doc), "answer": str(target)})
    origin = [place for task in tasks.values() for place in lm_eval_origin(task)]
    return {"harness": lm_eval_name(tasks), "items": items, "origin": origin}


def lm_eval_origin(task: Any) -> list[str]:
    """Where a task's items come from: a dataset with its split, addresses of files."""
    config = task.config
    files = named_files((config.dataset_kwargs or {}).get("data_files"))
    split = config.test_split if task.has_test_docs() else config.validation_split
    if callable(config.custom_dataset):  # its own code loads it, and its parts may know from where
        files += loaded(task.dataset)
    told = [place for place in map(origin, files) if place]
    reader = bool(files) and "/" not in (task.DATASET_PATH or "")  # `json`, `csv`: how the files are read
    if task.DATASET_PATH and not reader and not Path(task.DATASET_PATH).exists():
        told.append(f"{task.DATASET_PATH}:{split.replace(' ', '')}" if split else task.DATASET_PATH)
    return told


def loaded(splits: Any) -> list[str]:
    """The addresses that the datasets library has its splits from, where it has loaded them."""
    infos = [getattr(one, "info", None) for one in (splits.values() if isinstance(splits, dict) else ())]
    return [url for info in infos for url in getattr(info, "download_checksums", None) or ()]


def named_files(data_files: Any) -> list[str]:
    """All that `data_files` names: one, several, or several of each split."""
    if isinstance(data_files, dict):
        return [one for part in data_files.values() for one in named_files(part)]
    return [data_files] if isinstance(data_files, str) else [str(one) for one in data_files or ()]


def origin(place: str) -> str | None:
    """A dataset's id, or an address; None for a file of this machine."""
    if place.startswith("hf://datasets/"):
        return "/".join(place.removeprefix("hf://datasets/").split("/")[:2]).partition("@")[0]
    return place if place.startswith(("https://", "http://")) else None


def _asked(task: Any, doc: dict[str, Any]) -> str:
    """The prompt without examples; where that is no text of its own, all text of the item."""
    text = task.doc_to_text(doc)
    return text if isinstance(text, str) and text.strip() else " ".join(v for v in doc.values() if isinstance(v, str))


def lm_eval_score(request: Request) -> dict[str, Any]:
    tasks = lm_eval_tasks(request)["tasks"]
    name, wanted = lm_eval_name(tasks), set(request["items"])
    keys = {task: lm_eval_keys(task, tasks[task].eval_docs) for task in tasks}
    numbers = {task: [number for number, key in enumerate(keys[task]) if key in wanted] for task in tasks}
    asked = {task: found for task, found in numbers.items() if found}  # it would take an empty list for all

    import torch
    from lm_eval import evaluate

    model = _lm_eval_model(request)
    random.seed(RANDOM_SEED)
    torch.manual_seed(FEWSHOT_SEED)
    chat = {"apply_chat_template": True, "fewshot_as_multiturn": True} if request["chat"] else {}
    chosen_tasks = {"tasks": {task: tasks[task] for task in asked}}
    done = evaluate(lm=model, task_dict=chosen_tasks, samples=asked, bootstrap_iters=0, log_samples=True, **chat)
    items = []
    for task, told in done["samples"].items():
        items += _lm_eval_items(task, [keys[task][number] for number in asked[task]], told, request["score"])
    return {"harness": name, "items": items}


def _lm_eval_model(request: Request) -> Any:
    import torch
    from lm_eval.models.huggingface import HFLM

    if request["threads"]:
        torch.set_num_threads(request["threads"])
    gpu = torch.cuda.is_available()
    return HFLM(
        pretrained=request["model"], device="cuda" if gpu else "cpu", dtype="auto", trust_remote_code=False,
        batch_size="auto" if gpu else CPU_BATCH,
    )  # fmt: skip


def _lm_eval_items(name: str, keys: list[str], told: list[dict[str, Any]], wanted: str | None) -> list[dict[str, Any]]:
    """One value an item, in the order of the documents; `told` holds each once for every filter of the task."""
    metric, _, filtered = (wanted or "").partition(",")
    filtered = filtered or told[0]["filter"]
    there = {sample["filter"] for sample in told}
    if filtered not in there:
        raise Mendable(f"benchmark.score is {wanted!r}, and the filters of {name} are: {', '.join(sorted(there))}")
    items = []
    for key, sample in zip(keys, (sample for sample in told if sample["filter"] == filtered), strict=True):
        if lm_eval_keys(name, [sample["doc"]]) != [key.partition("-")[0]]:
            raise RuntimeError(f"{name} gives its items in another order than it listed them")
        value = chosen({metric: sample[metric] for metric in sample["metrics"]}, metric or None)
        got = str(sample["filtered_resps"])[:SHOWN_CHARACTERS]
        items.append({"id": key, "value": fraction(metric or sample["metrics"][0], value), "got": got})
    return items


def inspect_task(request: Request) -> Any:
    from inspect_ai._eval.loader import load_tasks, resolve_task_args
    from inspect_ai._util.error import PrerequisiteError

    spec = request["task"]
    try:
        found = load_tasks([spec], request["args"])
    except (PrerequisiteError, LookupError, FileNotFoundError, TypeError) as error:
        raise Mendable(f"Inspect has no task {spec!r} ({error}): mend the name or its args") from error
    if len(found) != 1:
        there = ", ".join(task.name for task in found) or "none"
        raise Mendable(
            f"{spec!r} names {len(found)} tasks ({there}): name one of them, as in {spec.split('@')[0]}@name"
        )
    unknown = sorted(set(request["args"]) - set(resolve_task_args(found[0])))
    if unknown:  # it would pass over them in silence
        raise Mendable(f"{spec!r} takes no argument {unknown[0]!r}: take it out of benchmark.args")
    return found[0]


def inspect_name(request: Request, task: Any) -> str:
    file = Path(request["task"].partition("@")[0])
    code = hashlib.sha256(file.read_bytes()).hexdigest()[:12] if file.is_file() else f"{task.name} {task.version}"
    return f"inspect_ai {importlib.metadata.version('inspect_ai')}, {code}"


def inspect_text(sample: Any) -> str:
    """What is asked, choices in any order: a task may shuffle them anew each time."""
    asked = sample.input if isinstance(sample.input, str) else "\n".join(message.text for message in sample.input)
    return "\n".join([asked, *sorted(sample.choices or ())])


def inspect_list(request: Request) -> dict[str, Any]:
    task = inspect_task(request)
    samples = list(task.dataset)
    items = [
        {"id": key, "prompt": inspect_text(sample), "answer": str(sample.target)}
        for key, sample in zip(keyed(map(inspect_text, samples)), samples, strict=True)
    ]
    return {"harness": inspect_name(request, task), "items": items, "origin": inspect_origin(task.dataset)}


def inspect_origin(dataset: Any) -> list[str]:
    """`location` is a dataset's id (hf_dataset), an address or a path (json_dataset, csv_dataset), or nothing."""
    place = dataset.location or ""
    hub = place and "://" not in place and not Path(place).exists()
    told = place if hub else origin(place)
    return [told] if told else []


def inspect_score(request: Request) -> dict[str, Any]:
    import torch
    from inspect_ai import eval as evaluate
    from inspect_ai.dataset import MemoryDataset
    from inspect_ai.model import ModelInfo, get_model, set_model_info

    if request["threads"]:
        torch.set_num_threads(request["threads"])
    task, wanted = inspect_task(request), set(request["items"])
    samples = list(task.dataset)
    picked = {k: s for k, s in zip(keyed(map(inspect_text, samples)), samples, strict=True) if k in wanted}
    for key, sample in picked.items():
        sample.id = key if sample.id is None else sample.id
    keys = {str(sample.id): key for key, sample in picked.items()}
    task.dataset = MemoryDataset(list(picked.values()))
    for name in (request["model"], f"hf/{request['model']}"):  # else it would look for them by loading it once more
        set_model_info(name, ModelInfo())
    model = get_model(
        f"hf/{request['model']}", do_sample=(task.config.temperature or 0) > 0, dtype="auto", trust_remote_code=False,
        use_safetensors=True, local_files_only=True,
    )  # fmt: skip
    (log,) = evaluate(
        task, model=model, display="none", log_dir=request["logs"], log_format="json", seed=RANDOM_SEED,
        acp_server=False, ctl_server=False, max_connections=GPU_BATCH if torch.cuda.is_available() else CPU_BATCH,
    )  # fmt: skip
    if log.status != "success":
        said = str(log.error.message if log.error else log.status).strip().splitlines() or [log.status]
        raise RuntimeError(said[-1])
    return {"harness": inspect_name(request, task), "items": _inspect_items(log, keys, request["score"])}


def _inspect_items(log: Any, keys: dict[str, str], wanted: str | None) -> list[dict[str, Any]]:
    """One value an item: the mean, or what the task's reducer makes, over its epochs."""
    from inspect_ai.scorer import value_to_float

    scorer, _, part = (wanted or "").partition("/")
    by_scorer = {reduced.scorer: reduced.samples for reduced in log.reductions or []}
    if not by_scorer:
        raise Mendable("it scores nothing: give its task a scorer")
    got = {str(sample.id): sample.output.completion[:SHOWN_CHARACTERS] for sample in log.samples or []}
    as_number: Callable[[Any], float] = value_to_float()
    name, items = scorer or next(iter(by_scorer)), []
    for reduced in chosen(by_scorer, name):
        value = chosen(reduced.value, part or None) if isinstance(reduced.value, dict) else reduced.value
        number = fraction(name, as_number(value) if isinstance(value, str) else value)
        items.append({"id": keys[str(reduced.sample_id)], "value": number, "got": got.get(str(reduced.sample_id), "")})
    return items


ASKED: dict[str, Callable[[Request], dict[str, Any]]] = {
    "lm_eval list": lm_eval_list,
    "lm_eval score": lm_eval_score,
    "inspect list": inspect_list,
    "inspect score": inspect_score,
}


def main(request: Path, reply: Path) -> None:
    os.umask(0o077)  # what is written on the way may hold items of the test split
    asked: Request = json.loads(request.read_text(encoding="utf-8"))
    try:
        told = ASKED[asked["do"]](asked)
    except Mendable as fault:
        told = {"fault": {"kind": "its settings do not fit", "told": str(fault)}}
    except Exception as error:  # whatever a harness, a user's task or a model raises
        traceback.print_exc()
        first = (str(error).strip().splitlines() or [""])[0][:SHOWN_CHARACTERS]
        told = {"fault": {"kind": type(error).__name__, "told": f"{type(error).__name__}: {first}"}}
    reply.write_text(json.dumps(told), encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
