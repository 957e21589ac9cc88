"""Reads a stranger's document in a process of its own: bounded in time and memory, without the environment's secrets,
and killed with the tool that asked. A parser that loops or grows takes nothing else down.
"""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path
from typing import Literal

from pydantic import ValidationError

from tools.documents.child import Told
from tools.documents.document import Document
from tools.tool import ToolFault

ROOT = Path(__file__).parents[2]
SECONDS = 45.0
PASSED = ("PATH", "LANG", "LC_ALL", "SYSTEMROOT", "VIRTUAL_ENV")


async def read(
    content: bytes, kind: Literal["html", "pdf"], *, charset: str = "", url: str = "", seconds: float = SECONDS
) -> Document:
    """The document. Raises `ToolFault` for one that cannot be read, or has no text."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tools.documents.child", kind, charset, url),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
        env={name: os.environ[name] for name in PASSED if name in os.environ} | {"PYTHONPATH": str(ROOT)},
        cwd="/",
    )
    try:
        async with asyncio.timeout(seconds):
            said, _ = await process.communicate(content)
    except TimeoutError as error:
        raise ToolFault(f"the {kind.upper()} could not be read within {seconds:.0f} s: try another source") from error
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    try:
        told = Told.model_validate_json(said)
    except ValidationError as error:
        raise ToolFault(f"the {kind.upper()} could not be read (status {process.returncode})") from error
    if told.document is None:
        raise ToolFault(f"the {kind.upper()} is damaged and cannot be read ({told.failed}): try another source")
    if not told.document.text:
        raise ToolFault(f"the {kind.upper()} has no text" + (" (scanned pages?)" if kind == "pdf" else ""))
    return told.document
