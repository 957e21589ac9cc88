"""Arguments and options that several commands share, so that they are spelt and explained once."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

RunName = Annotated[
    str, typer.Argument(metavar="RUN", help="The run: its id, an unambiguous beginning of it, or `latest`.")
]
RunsDir = Annotated[Path, typer.Option("--runs-dir", metavar="DIR", help="Where the folders of the runs are.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON on standard output, and nothing else.")]
Verbose = Annotated[bool, typer.Option("--verbose", "-v", help="Show every message.")]
Budget = Annotated[
    str | None, typer.Option("--budget", metavar="TIME", help="Time to spend, in place of the task's: 90s, 5m, 10h.")
]
TotalBudget = Annotated[
    str | None,
    typer.Option("--budget", metavar="TIME", help="Time to spend in all, earlier sessions included: 90s, 5m, 10h."),
]
Model = Annotated[
    list[str] | None,
    typer.Option(
        "--model",
        metavar="M",
        help="Mind of the roles: `playbook`, `anthropic/…`, `openai/…`, `hf/…`, `ollama/…`, `vllm/…`, `lm_studio/…`, "
        "`llamacpp/…`; of one role: `engineer=…`. May be given several times.",
    ),
]
RequireLlm = Annotated[
    bool, typer.Option("--require-llm", help="Fail rather than let the playbook answer for a model that cannot.")
]
Data = Annotated[
    Path | None, typer.Option("--data", metavar="DIR", help="A folder that holds the files that the task names.")
]
BusUrl = Annotated[
    str | None, typer.Option("--bus", metavar="URL", help="A NATS server (nats://host:4222) in place of an own one.")
]
NoSandbox = Annotated[
    bool,
    typer.Option(
        "--no-sandbox", help="A worker started here runs jobs without a sandbox: they can do all that you can."
    ),
]
Track = Annotated[
    str,
    typer.Option(
        "--track",
        metavar="trackio|wandb|both|none",
        envvar="POSTDOCS_TRACK",
        help="Where the jobs are tracked; Weights & Biases offline where no key is there.",
    ),
]
GraphUrl = Annotated[
    str | None,
    typer.Option("--graph-url", metavar="URL", help="Have the LangGraph server there (make studio) run the crew."),
]
Artifacts = Annotated[
    str | None,
    typer.Option(
        "--artifacts",
        metavar="URL",
        envvar="POSTDOCS_ARTIFACTS",
        help="Store that models and data go through where machines share no disk: s3://, hf://, a path.",
    ),
]
OnBus = Annotated[
    str | None,
    typer.Option("--bus", metavar="URL", help="Look on this NATS server; POSTDOCS_BUS_URL where DIR has no such run."),
]
Worker = Annotated[
    str,
    typer.Option(
        "--worker",
        metavar="auto|local|none",
        help="Who runs the jobs: `local` starts a worker here, `none` waits for others, "
        "`auto` starts one where none is on the bus.",
    ),
]

DEFAULT_RUNS_DIR = Path("runs")
