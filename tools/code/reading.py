"""The tool that reads a file of a GitHub repository, or lists a folder, at a branch, tag or commit."""

from __future__ import annotations

from typing import Annotated
from urllib.parse import quote

from pydantic import BaseModel, Field

from tools.arguments import Arguments
from tools.code.github import RAW, Ref, Repository, ask
from tools.hub.held_out import refuse_code
from tools.lines import by_lines
from tools.service import Missing
from tools.tool import Desk, Tool, ToolFault

ENTRIES = 300
"""Of a folder; GitHub itself lists at most 1,000."""


class ReadCode(Arguments):
    repository: Repository
    """huggingface/trl."""
    path: Annotated[str, Field(pattern=r"^[^\x00-\x1f?#\\]*$", max_length=500)] = ""
    """A file, or a folder, which is then listed; empty for the top folder."""
    ref: Ref = "HEAD"
    """Branch, tag or commit: take the tag of the installed version (v1.16.0), since signatures change."""
    first_line: Annotated[int, Field(ge=1)] = 1


class Entry(BaseModel):
    path: str
    type: str
    size: int = 0


async def _read(given: ReadCode, desk: Desk) -> str:
    path = given.path.strip("/")
    if ".." in f"{path}/{given.ref}".split("/"):
        raise ToolFault("a path goes down only: leave out `..`")
    if path and not given.path.endswith("/"):
        refuse_code(desk, given.repository, path)
        answer = await RAW.get(f"/{given.repository}/{quote(given.ref)}/{quote(path)}")
        if answer.status == 200:
            where = f"{given.repository} {given.path} at {given.ref}"
            return by_lines(answer.content, answer.cut, given.first_line, given.path, where)
        if answer.status != 404:
            RAW.accepted(answer)
    return await _folder(given, path)


async def _folder(given: ReadCode, path: str) -> str:
    at = {"ref": given.ref} if given.ref != "HEAD" else None
    where = f"/repos/{given.repository}/contents/{quote(path)}".rstrip("/")
    try:
        found = await ask(where, at, list[Entry] | Entry)  # type: ignore[arg-type]  # a union is a shape as well
    except Missing as error:
        raise Missing(
            f"{given.repository} has no {path or 'such repository'} at {given.ref}: list the folder above"
        ) from error
    if isinstance(found, Entry):
        raise ToolFault(f"{path} is a {found.type} of {found.size:,} bytes, which cannot be shown")
    kinds = sorted(found, key=lambda entry: (entry.type != "dir", entry.path))
    listed = [f"{entry.path}/" if entry.type == "dir" else f"{entry.path} ({entry.size:,} bytes)" for entry in kinds]
    more = [f"[{len(listed) - ENTRIES} more]"] if len(listed) > ENTRIES else []
    return "\n".join([f"{given.repository} {path or '/'} at {given.ref}", *listed[:ENTRIES], *more])


READ_CODE = Tool(
    "read_code",
    "Reads a file of a public GitHub repository by lines, or lists a folder, at a branch, tag or commit.",
    ReadCode,
    _read,
    outside=True,
)
