"""Where the sources of the installed libraries say something, and the lines of their files. Nothing is imported."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

from protocol.preflight import LibrarySource, LibrarySourceRequest
from services.executor.preflight.script import LIBRARIES

ANSWER = "library_source.json"
HITS = 60
LINES = 220
"""Of a file, shown at a time."""
MOST_CHARACTERS = 11_000
WIDTH = 200
"""Characters of a line."""
LARGEST = 2_000_000
"""Bytes of a file; what is larger was made by a machine."""


def main() -> None:
    """Run in a sandbox of its own, with the request as argument; the answer is left in the folder."""
    request = LibrarySourceRequest.model_validate_json(sys.argv[1])
    Path(ANSWER).write_text(source(request).model_dump_json())


def source(request: LibrarySourceRequest) -> LibrarySource:
    """What was found, or what is there instead."""
    root = _root(request.library)
    if root is None:
        return LibrarySource(text=f"{request.library} is not installed where jobs run", found=False)
    path = (root / request.file).resolve() if request.file else root
    if not path.is_relative_to(root) or (request.file and path.suffix != ".py") or not path.exists():
        near = [name for name in _names(root) if Path(name).name == Path(request.file).name][:5]
        told = f": did you mean {' or '.join(near)}?" if near else ""
        return LibrarySource(text=f"{request.library} has no source file {request.file!r}{told}", found=False)
    if request.find:
        return _searched(request, root, [path] if request.file else sorted(root.rglob("*.py")))
    if not request.file:
        return LibrarySource(text="say what to find, or which file to show", found=False)
    return _shown(request, path)


def _root(library: str) -> Path | None:
    """The folder of a library; only of those that jobs are written with."""
    spec = find_spec(library) if library in LIBRARIES else None
    places = list(spec.submodule_search_locations or ()) if spec is not None else []
    return Path(places[0]).resolve() if places else None


def _names(root: Path) -> Iterator[str]:
    return (str(path.relative_to(root)) for path in sorted(root.rglob("*.py")))


def _searched(request: LibrarySourceRequest, root: Path, paths: list[Path]) -> LibrarySource:
    """Definitions first, then the other lines, in the order of the files."""
    wanted = request.find.rpartition(".")[2]
    definition = re.compile(rf"\s*(?:async\s+def|def|class)\s+{re.escape(wanted)}\b")
    defined: list[str] = []
    mentioned: list[str] = []
    for path in paths:
        for number, line in enumerate(_lines(path), 1):
            if definition.match(line):
                defined.append(f"{path.relative_to(root)}:{number}: {line.strip()[:WIDTH]}")
            elif request.find in line and len(mentioned) <= HITS:
                mentioned.append(f"{path.relative_to(root)}:{number}: {line.strip()[:WIDTH]}")
    hits = [*defined, *mentioned]
    if not hits:
        return LibrarySource(text=f"{request.find!r} is nowhere in the sources of {request.library}", found=False)
    more = f"\n[only the first {HITS}: ask for something rarer, or in one file]" if len(hits) > HITS else ""
    return LibrarySource(text=_cut("\n".join(hits[:HITS])) + more)


def _shown(request: LibrarySourceRequest, path: Path) -> LibrarySource:
    lines = _lines(path)
    first = max(1, request.first_line)
    part = [f"{number}: {line[:WIDTH]}" for number, line in enumerate(lines, 1)][first - 1 : first - 1 + LINES]
    if not part:
        return LibrarySource(text=f"{request.file} has {len(lines)} lines, none from {first} on", found=False)
    fitting = _cut("\n".join(part))
    last = first - 1 + fitting.count("\n") + 1
    more = f"; go on with first_line={last + 1}" if last < len(lines) else ""
    return LibrarySource(
        text=f"{request.library}/{request.file}, lines {first} to {last} of {len(lines)}{more}\n{fitting}"
    )


def _lines(path: Path) -> list[str]:
    if path.stat().st_size > LARGEST:
        return []
    return path.read_text(encoding="utf-8", errors="replace").splitlines()


def _cut(text: str) -> str:
    """Whole lines of it."""
    return text if len(text) <= MOST_CHARACTERS else text[:MOST_CHARACTERS].rpartition("\n")[0]
