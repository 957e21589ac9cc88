"""The `config.yaml` beside a job's script, and the files that go with it."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

import yaml

from agents.engineer import metric_files
from agents.engineer.fitted import fitted
from agents.engineer.plan import Recipe, View
from agents.engineer.processes import devices, launch_of, shared_out
from protocol.experiment import Experiment
from protocol.job import JobSpec, Needs

LOAD_SECONDS = 2.0
"""Of a job's time, for loading and tokenising a small model's worth; what remains is trained …"""
BYTES_A_SECOND = 2e8
"""… and a large model's weights are read and written at about this pace, 4 bytes a parameter."""
LOAD_SHARE = 0.3
"""Never more than this share of a job's time."""
GRACE_SECONDS = 20.0
"""How much longer than planned a job may take, beside the time to write its weights."""
CONTEXT_MARGIN = 8
"""Tokens of room beyond the longest pair, for the end of the text."""
BESIDE = {"metric.py": "metrics.py", "decoding.py": "decoding.py", "vllm_engine.py": "vllm_engine.py"}
"""Of the tools, what scripts that score their own completions have beside them, and under which name."""
OUT_OF_REACH = 1_000_000
"""`max_steps` of a job that is ended by the clock."""


def transfer_seconds(view: View) -> float:
    """Reading or writing the model's weights once."""
    return 4 * view.parameters / BYTES_A_SECOND


def train_seconds(view: View, experiment: Experiment) -> float:
    """Seconds of a job that are spent in training steps."""
    load = LOAD_SECONDS + 2 * transfer_seconds(view)
    return round(experiment.seconds - min(load, LOAD_SHARE * experiment.seconds), 1)


def common(view: View, experiment: Experiment) -> Recipe:
    """What every training job's config holds, under TRL's names."""
    on_gpu = view.request.task.compute.gpus > 0
    return {
        "model_name_or_path": view.weights(experiment.parent),
        "dtype": "bfloat16" if on_gpu else "float32",
        "dataset_name": view.request.mixture.path,
        "output_dir": "model",
        "train_seconds": train_seconds(view, experiment),
        "max_steps": OUT_OF_REACH,
        "lr_scheduler_type": "constant",
        "seed": experiment.seed,
        "bf16": on_gpu,
        "use_cpu": not on_gpu,
        "gradient_checkpointing": on_gpu,
        "logging_steps": 5,
        "save_strategy": "steps",
        "save_steps": 200,
        "save_total_limit": 1,
        "report_to": "none",
        "dataloader_pin_memory": on_gpu,
        "disable_tqdm": True,
    }


def reward(view: View) -> Recipe:
    """What scripts that score completions themselves need."""
    return {
        "metric": view.request.task.metric,
        "metric_folder": metric_files.FOLDER,
        "stop": list(view.request.decoding.stop),  # type: ignore[dict-item]
    }


def generation(view: View) -> Recipe:
    """Whether GRPO is to generate by vLLM, in the trainer's own process. The script sees whether the worker has it, and
    plans its share of the GPU's memory there (`grpo.plan_generation`)."""
    return {"use_vllm": True, "vllm_mode": "colocate"} if view.request.task.compute.gpus > 0 else {}


def pairs(view: View) -> Recipe:
    """What scripts that train on prompt-completion pairs need: room for the longest, no second tokenisation, and
    batches of like length, which saves the padding."""
    mixture = view.request.mixture
    return {
        "max_length": mixture.prompt_tokens_max + mixture.answer_tokens_max + CONTEXT_MARGIN,
        "train_sampling_strategy": "group_by_length",
        "dataset_kwargs": {"skip_prepare_dataset": True},  # type: ignore[dict-item]
    }


def needs(view: View) -> Needs:
    """What the task's `compute` asks for."""
    compute = view.request.task.compute
    return Needs(
        gpus=compute.gpus,
        kind=compute.kind,
        min_memory_gb=compute.min_memory_gb,
        memory_gb=compute.memory_gb,
        disk_gb=compute.disk_gb,
        backend=None if compute.backend == "auto" else compute.backend,
    )


def job(view: View, experiment: Experiment, script: str, config: Recipe, with_metric: bool = False) -> JobSpec:
    """A job that runs one of our scripts with this config."""
    scripts = files("agents.engineer") / "scripts"
    texts = {name: (scripts / name).read_text() for name in (script, "seconds_schedule.py", "pairs.py")}
    if with_metric:
        texts |= {name: (files("tools") / source).read_text() for name, source in BESIDE.items()}
        texts["sampling.py"] = (scripts / "sampling.py").read_text()
        task = view.request.task
        texts |= metric_files.metric_files(task.metric, Path(view.request.task_folder))
    head = f"# {experiment.id}: {experiment.hypothesis}\n"
    launch = launch_of(view, config)
    config = fitted(view, shared_out(config, devices(view, launch)), launch)
    texts["config.yaml"] = head + yaml.safe_dump(config, sort_keys=False)
    return JobSpec(
        files=texts,
        argv=(script, "--config", "config.yaml"),
        output="model",
        reads=(str(config["model_name_or_path"]), *view.request.mixture.paths),
        seconds=experiment.seconds,
        grace=GRACE_SECONDS + 2 * transfer_seconds(view),
        needs=needs(view),
        launch=launch,
        hosts=view.request.task.compute.hosts,
        requirements=view.request.task.compute.requirements,
    )
