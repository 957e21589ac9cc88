"""The process that speaks to one MCP server: `python -m tools.mcp.child`, lines of JSON in and out.

A server's words are parsed here, by AutoGen's workbench: what loops on them, or grows, is this process alone. It ends
when its standard input does, and ends a server that it has started. Redirects to another host are not followed, by
`mcp` itself (1.30, `stream_within_origin`).
"""

from __future__ import annotations

import asyncio
import os
import re
import resource
import sys
from contextlib import suppress
from typing import TYPE_CHECKING, TextIO

from protocol.message import Part
from tools.mcp.wire import Call, Listed, Result, Start

if TYPE_CHECKING:
    from autogen_core.tools import ToolResult
    from autogen_ext.tools.mcp import McpWorkbench, StdioServerParams, StreamableHttpServerParams

MEMORY_BYTES = 2 << 30
LINE_BYTES = 1 << 20
MOST_TOOLS, MOST_CHARACTERS = 200, 100_000
FAULT = 500
STOP_SECONDS = 5.0
"""`mcp` waits 2 s for a program to end, and terminates it, and waits 2 s, and kills it."""
_QUERY = re.compile(r"(https?://[^\s'\"?#]+)[?#][^\s'\"]*")
_CLOSED = ("Connection closed", "ClosedResourceError", "BrokenResourceError", "MCP Actor not running")


async def main(answers: TextIO) -> None:
    loop = asyncio.get_running_loop()
    reader = asyncio.StreamReader(limit=LINE_BYTES)
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    start = Start.model_validate_json(await reader.readline())
    from autogen_ext.tools.mcp import McpWorkbench

    workbench = McpWorkbench(_params(start))
    if start.url is not None:
        _bound_memory()
    listed = await _listed(workbench, start)
    _bound_memory()
    _write(answers, listed)
    try:
        if not listed.fault:
            await _serve(workbench, reader, answers)
            async with asyncio.timeout(STOP_SECONDS):
                await workbench.stop()
    finally:
        await _end_the_rest()


async def _end_the_rest() -> None:
    """A workbench that waits for its server's first word cannot be stopped, but its task can be cancelled."""
    rest = asyncio.all_tasks() - {asyncio.current_task()}
    for task in rest:
        task.cancel()
    if rest:
        await asyncio.wait(rest, timeout=STOP_SECONDS)


async def _serve(workbench: McpWorkbench, reader: asyncio.StreamReader, answers: TextIO) -> None:
    """Until there are no more calls; several may be under way."""
    under_way: set[asyncio.Task[None]] = set()
    while line := await reader.readline():
        task = asyncio.create_task(_call(workbench, Call.model_validate_json(line), answers))
        under_way.add(task)
        task.add_done_callback(under_way.discard)
    for task in under_way:
        task.cancel()


async def _listed(workbench: McpWorkbench, start: Start) -> Listed:
    try:
        async with asyncio.timeout(start.start_seconds):
            await workbench.start()
            tools = await workbench.list_tools()
    except TimeoutError:
        return Listed(fault=f"it did not answer within {start.start_seconds:.0f} s")
    except BaseException as error:  # groups of errors, of whatever its transport uses
        return Listed(fault=_told(error))
    return Listed(tools=tuple(dict(tool) for tool in tools[:MOST_TOOLS]))


async def _call(workbench: McpWorkbench, call: Call, answers: TextIO) -> None:
    try:
        result = await workbench.call_tool(call.tool, call.arguments)
        text, failed = _text(result), result.is_error
        dead = failed and any(sign in text for sign in _CLOSED)
    except Exception as error:  # the workbench is no more
        text, failed, dead = _told(error), True, True
    _write(answers, Result(number=call.number, text=text[:MOST_CHARACTERS], failed=failed, dead=dead))


def _text(result: ToolResult) -> str:
    from autogen_core.tools import TextResultContent

    parts = [part.content if isinstance(part, TextResultContent) else "[an image]" for part in result.result]
    return "\n".join(parts)


def _params(start: Start) -> StdioServerParams | StreamableHttpServerParams:
    from autogen_ext.tools.mcp import StdioServerParams, StreamableHttpServerParams

    if start.command is not None:
        program = {"command": start.command, "args": list(start.args), "env": start.env}
        return StdioServerParams.model_validate(program | {"read_timeout_seconds": start.seconds})
    address = {"url": start.url, "headers": start.headers}
    return StreamableHttpServerParams.model_validate(
        address | {"timeout": start.seconds, "sse_read_timeout": start.seconds}
    )


def _bound_memory() -> None:
    """Not before a program is started: it would inherit the bound, and some reserve more than they use."""
    with suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, resource.getrlimit(resource.RLIMIT_AS)[1]))


def _told(error: BaseException) -> str:
    """The innermost of a group of errors; addresses without what they ask with, which may be a key."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return _QUERY.sub(r"\1", f"{type(error).__name__}: {error}")[:FAULT]


def _write(answers: TextIO, message: Part) -> None:
    answers.write(message.model_dump_json() + "\n")
    answers.flush()


if __name__ == "__main__":
    with os.fdopen(os.dup(1), "w", encoding="utf-8") as told:
        os.dup2(2, 1)  # what is printed does not get among the answers
        asyncio.run(main(told))
