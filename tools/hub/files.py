"""The tools that list the files of a repository on the Hub, and read one."""

from __future__ import annotations

from itertools import islice
from typing import Annotated

from pydantic import Field

from tools.arguments import Arguments
from tools.hub import repository
from tools.hub.held_out import refuse_file
from tools.hub.services import Kind, RepositoryId, Revision
from tools.lines import by_lines
from tools.service import Missing
from tools.tool import Desk, Tool, ToolFault

ENTRIES = 300
Path = Annotated[str, Field(pattern=r"^[^\x00-\x1f?#\\]*$", max_length=500)]


class OneRepository(Arguments):
    id: RepositoryId
    """owner/name."""
    kind: Kind = "model"
    """model, dataset or space."""
    revision: Revision = "main"
    """Branch, tag or commit."""


class ListHubFiles(OneRepository):
    path: Path = ""
    """A folder; empty for the top one."""


class ReadHubFile(OneRepository):
    path: Path
    """config.json, README.md, src/train.py."""
    first_line: Annotated[int, Field(ge=1)] = 1


async def _list(given: ListHubFiles, desk: Desk) -> str:
    path = _downwards(given.path)
    entries = await _entries(given, path)
    listed = [f"{name}/" if size is None else f"{name} ({size:,} bytes)" for name, size in entries[:ENTRIES]]
    more = [f"[there are more than {ENTRIES}: list a folder below]"] if len(entries) > ENTRIES else []
    return "\n".join([f"{given.kind} {given.id} {path or '/'} at {given.revision}", *listed, *more])


async def _entries(given: ListHubFiles, path: str) -> list[tuple[str, int | None]]:
    """Name and size; folders, which have none, first."""
    try:
        found = await repository.ask(
            lambda api: list(
                islice(
                    api.list_repo_tree(given.id, path or None, revision=given.revision, repo_type=given.kind),
                    ENTRIES + 1,
                )
            ),
            given.id,
            given.kind,
        )
    except Missing as error:
        raise Missing(f"there is no {given.kind} {given.id} with {path or 'files'} at {given.revision}") from error
    return sorted(((one.path, getattr(one, "size", None)) for one in found), key=lambda one: (one[1] is not None, one))


async def _read(given: ReadHubFile, desk: Desk) -> str:
    path = _downwards(given.path)
    if not path:
        raise ToolFault("`path` names no file: see list_hub_files")
    if given.kind == "dataset":
        refuse_file(desk, given.id, path)
    answer = await repository.file(given.id, given.kind, path, given.revision)
    where = f"{given.kind} {given.id} {path} at {given.revision}"
    return by_lines(answer.content, answer.cut, given.first_line, path, where)


def _downwards(path: str) -> str:
    if ".." in path.split("/"):
        raise ToolFault("a path goes down only: leave out `..`")
    return path.strip("/")


LIST_HUB_FILES = Tool(
    "list_hub_files",
    "Lists a folder of a model, dataset or space repository on the Hub, with sizes, at a branch, tag or commit.",
    ListHubFiles,
    _list,
    outside=True,
)
READ_HUB_FILE = Tool(
    "read_hub_file",
    "Reads a text file of a model, dataset or space repository on the Hub by lines: card, config, code.",
    ReadHubFile,
    _read,
    outside=True,
)
