"""Our code for a job's container, as one executable file (PEP 441). Called by `store`.

In it is what `entry`, and the process that it starts, import of ours; packages are installed there.
"""

from __future__ import annotations

import ast
import io
import zipfile
from collections.abc import Iterable, Iterator
from pathlib import Path

ROOT = Path(__file__).parents[4]
"""The folder that holds our packages."""
BEGIN = ("services.executor.backends.hf_jobs.entry", "services.executor.job.cold")
MAIN = f"from {BEGIN[0]} import main\nraise SystemExit(main())\n"
THEN = (2020, 1, 1, 0, 0, 0)
"""Time of the files in the archive: the same code makes the same archive."""


def archive() -> bytes:
    """Byte for byte the same for the same code."""
    files = {str(path.relative_to(ROOT)): path.read_bytes() for path in needed(BEGIN)}
    packages = {f"{parent}/__init__.py": b"" for name in files for parent in Path(name).parents[:-1]}
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as made:
        for name, text in sorted({**packages, **files, "__main__.py": MAIN.encode()}.items()):
            made.writestr(zipfile.ZipInfo(name, THEN), text)
    return buffer.getvalue()


def needed(modules: Iterable[str]) -> list[Path]:
    """The files of these modules, of the packages that they are in, and of all of ours that they import, wherever in
    them."""
    unread, found = list(modules), set[Path]()
    while unread:
        name = unread.pop()
        path = _file(name)
        if path is not None and path not in found:
            found.add(path)
            unread += _imported(path)
            unread += [name.rpartition(".")[0]] if "." in name else []
    return sorted(found)


def _imported(path: Path) -> Iterator[str]:
    """What it may import: of `from a.b import c` both `a.b` and `a.b.c`, of which one may be no module."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def _file(module: str) -> Path | None:
    """Its source, if it is ours."""
    place = ROOT.joinpath(*module.split("."))
    candidates = (place.with_suffix(".py"), place / "__init__.py")
    ours = module.split(".")[0] in ("protocol", "services")
    return next((path for path in candidates if ours and path.is_file()), None)
