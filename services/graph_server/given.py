"""The files that a run is handed over with: found beside the task, put into the bus's object store
(`protocol/file_store.py`), fetched from it; and the run that is made of them."""

from __future__ import annotations

import asyncio
import hashlib
from pathlib import Path, PurePosixPath
from typing import TypeVar

from nats.js.errors import NotFoundError

from protocol import file_store, subjects
from protocol.benchmark import kind_of
from protocol.brief import Choices, Source, Task
from protocol.bus import Bus
from protocol.errors import BadInput, PostdocsError
from protocol.file_store import FILE_SECONDS, MOST_BYTES
from protocol.runs import GivenFile, StartRun
from services.new_run import make_run
from services.run_folder import RunFolder
from services.task_file import resolve

BENCHMARK_ENDINGS = (".yaml", ".yml", ".py", ".json", ".jsonl", ".csv", ".txt", ".sh")
TASK, DATA, MODEL = "task", "data", "model"
"""The folders in `given/`: what lies beside the task file, what `--data` held, the base model."""

SomeSource = TypeVar("SomeSource", bound=Source)


class GivenFileBroken(PostdocsError):
    """The object store has not, or not whole, what a run was to come with."""

    def __init__(self, name: str, why: str) -> None:
        self.name = name
        super().__init__(f"the file {name} of this run cannot be had from the bus ({why}): hand the run over again")


def gather(task: Task, folder: Path, data: Path | None) -> tuple[Task, dict[str, Path]]:
    """The task with paths as they will be on the server, and name in `given/` → file here. `task` has been checked.

    Taken along is what the task names, the Python files beside it, what a benchmark of one's own may consist of, and
    the base model where it is a folder.
    """
    files = {f"{TASK}/{path.name}": path for path in sorted(folder.glob("*.py"))}
    sources = tuple(_moved(source, folder, data, files) for source in task.data)
    changes: dict[str, object] = {"data": sources}
    if task.eval:
        dev, test = (_moved(source, folder, data, files) for source in (task.eval.dev, task.eval.test))
        changes["eval"] = task.eval.model_copy(update={"dev": dev, "test": test})
    if kind_of(task.metric):
        files |= {f"{TASK}/{path.relative_to(folder).as_posix()}": path for path in _of_a_benchmark(folder)}
    model = folder / task.base_model
    if (model / "config.json").is_file():
        below = (path for path in sorted(model.rglob("*")) if path.is_file())
        files |= {f"{MODEL}/{path.relative_to(model).as_posix()}": path for path in below}
        changes["base_model"] = f"../{MODEL}"
    if task.metric.startswith("python:"):
        module = task.metric.split(":")[1]
        name = module if module.endswith(".py") else module.replace(".", "/") + ".py"
        if ".." in PurePosixPath(name).parts or PurePosixPath(name).is_absolute():
            raise BadInput(f"metric is {task.metric!r}: to be handed over, its file must lie in the task's folder")
        files[f"{TASK}/{name}"] = folder / name
    return task.model_copy(update=changes), files


def _of_a_benchmark(folder: Path) -> list[Path]:
    """What a benchmark of one's own may consist of: only it knows which files below the task's folder it reads."""
    below = (path for path in sorted(folder.rglob("*")) if path.suffix in BENCHMARK_ENDINGS and path.is_file())
    return [path for path in below if not _passed_over(path.relative_to(folder))]


def _passed_over(path: Path) -> bool:
    return path.parts[0] == "runs" or any(part.startswith((".", "__")) for part in path.parts)


def _moved(source: SomeSource, folder: Path, data: Path | None, files: dict[str, Path]) -> SomeSource:
    """The source as the server will find it; what it names is added to `files`."""
    key = "generator" if source.generator else "file"
    name = source.generator or source.file
    if name is None or (source.dataset and data is None):
        return source
    path = resolve(name, folder, data)
    if not path.is_file():
        return source
    inside = not PurePosixPath(name).is_absolute() and ".." not in PurePosixPath(name).parts
    kept = name if inside else f"elsewhere/{hashlib.sha256(str(path).encode()).hexdigest()[:8]}/{path.name}"
    of_data = data is not None and path == data / name
    files[f"{DATA if of_data else TASK}/{kept}"] = path
    return source.model_copy(update={key: kept})


async def described(files: dict[str, Path]) -> tuple[GivenFile, ...]:
    """Name, hash and size of each. Raises `BadInput` when they are too large."""
    size = sum(path.stat().st_size for path in files.values())
    if size > MOST_BYTES:
        raise BadInput(
            f"the files of this task are {size / 1e9:.1f} GB, and {MOST_BYTES / 1e9:.1f} GB at most can be handed "
            "over: put the model on the Hub, or start the run on the server's machine"
        )
    digests = [await asyncio.to_thread(_sha256, path) for path in files.values()]
    return tuple(
        GivenFile(name=name, sha256=digest, size=path.stat().st_size)
        for (name, path), digest in zip(files.items(), digests, strict=True)
    )


async def put(bus: Bus, files: dict[str, Path]) -> tuple[GivenFile, ...]:
    """Put them into the object store, where it has them not yet. Raises `BadInput` when they are too large."""
    told, store = await described(files), await file_store.open_store(bus)
    for file in told:
        if not await file_store.has(store, file.sha256):
            with files[file.name].open("rb") as content:
                await file_store.put(store, file.sha256, content)
    return told


async def unpack(bus: Bus, request: StartRun, folder: RunFolder, choices: Choices) -> None:
    """Make the folder of a run that was handed over. Raises `GivenFileBroken`, `BadInput`."""
    await fetch(bus, request.files, folder.given)
    beside, data = folder.given / TASK, folder.given / DATA
    beside.mkdir(parents=True, exist_ok=True)
    given_data = data if data.is_dir() else None
    # no own_roles: code that came over the bus does not run here unconfined
    await make_run(folder, request.task, request.text, beside, choices, given_data, own_roles=False)


async def fetch(bus: Bus, files: tuple[GivenFile, ...], folder: Path) -> None:
    """Write them below `folder`. Raises `GivenFileBroken`."""
    if not files:
        return
    store = await bus.jetstream.object_store(subjects.GIVEN_BUCKET)
    for file in files:
        place = folder / file.name
        place.parent.mkdir(parents=True, exist_ok=True)
        draft = place.with_name(f".{place.name}.draft")
        try:
            with draft.open("wb") as content:
                await asyncio.wait_for(store.get(file.sha256, content), FILE_SECONDS)
        except NotFoundError as error:
            raise GivenFileBroken(file.name, "it is not there") from error
        if await asyncio.to_thread(_sha256, draft) != file.sha256:
            raise GivenFileBroken(file.name, "its content is another")
        draft.replace(place)


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
