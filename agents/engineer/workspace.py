"""The Engineer's workspace: scripts in progress, in the run's folder. Its tools write them here; only a form that names
one, and whose trial finds no flaw, makes a job of it.

Names are plain, without folders; nothing is followed that is no file of its own.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tools.tool import ToolFault

FOLDER = "workspace"
MOST_CHARACTERS = 60_000
"""Of a script: twenty times those of the crew's own."""
MOST_FILES = 40
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_-]{0,60}\.py")
_DRAFT = ".draft"
_PLAIN = os.O_NOFOLLOW | os.O_CLOEXEC


@dataclass(frozen=True)
class Workspace:
    """The scripts of one run. All methods raise `ToolFault` with what to do instead."""

    run: Path
    """The run's folder."""

    def names(self) -> list[str]:
        """The scripts that are there."""
        with self._open() as folder, os.scandir(folder) as found:
            plain = [one.name for one in found if one.is_file(follow_symlinks=False)]
        return sorted(name for name in plain if _NAME.fullmatch(name))

    def read(self, name: str) -> str:
        """The text of a script."""
        with self._open() as folder:
            try:
                descriptor = os.open(_checked(name), os.O_RDONLY | os.O_NONBLOCK | _PLAIN, dir_fd=folder)
            except OSError as error:
                raise ToolFault(f"there is no script {name!r} in the workspace; {self._there()}") from error
            with os.fdopen(descriptor, encoding="utf-8", errors="replace") as file:
                if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                    raise ToolFault(f"{name} in the workspace is no plain file")
                text = file.read(MOST_CHARACTERS + 1)
        if len(text) > MOST_CHARACTERS:
            raise ToolFault(f"{name} has more than {MOST_CHARACTERS:,} characters")
        return text

    def write(self, name: str, text: str) -> None:
        """Make a script, or replace it whole."""
        if len(text) > MOST_CHARACTERS:
            raise ToolFault(f"{len(text):,} characters are too many for a script: {MOST_CHARACTERS:,} at most")
        if (there := self.names()) and _checked(name) not in there and len(there) >= MOST_FILES:
            raise ToolFault(f"there are {MOST_FILES} scripts in the workspace: write over one of them")
        with self._open() as folder:
            draft = _checked(name) + _DRAFT
            try:
                descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | _PLAIN, 0o600, dir_fd=folder)
                with os.fdopen(descriptor, "w", encoding="utf-8") as file:
                    file.write(text)
                os.replace(draft, name, src_dir_fd=folder, dst_dir_fd=folder)
            except (OSError, UnicodeEncodeError) as error:
                raise ToolFault(f"{name} cannot be written ({error})") from error

    def edit(self, name: str, old: str, new: str) -> int:
        """Replace a text that stands in a script exactly once; the number of the first line that has changed."""
        text = self.read(name)
        times = text.count(old) if old else 0
        if times != 1:
            told = "it is not there, letter for letter" if old and not times else f"it is there {times} times"
            raise ToolFault(f"{name} was not changed: {told if old else 'say which text to replace'}; `read_script` it")
        before, _, after = text.partition(old)
        self.write(name, before + new + after)
        return before.count("\n") + 1

    def _there(self) -> str:
        names = self.names()
        return f"there are {', '.join(names)}" if names else "it is empty: `write_script` makes one"

    @contextmanager
    def _open(self) -> Iterator[int]:
        """The workspace's folder, made where there is none; never through a link."""
        path = self.run / FOLDER
        try:
            path.mkdir(mode=0o700, exist_ok=True)
            descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | _PLAIN)
        except OSError as error:
            raise ToolFault(f"there is no workspace ({error.strerror}): submit the script's text") from error
        try:
            yield descriptor
        finally:
            os.close(descriptor)


def _checked(name: str) -> str:
    if _NAME.fullmatch(name) is None:
        raise ToolFault(f"{name[:100]!r} is no name for a script: letters, digits, - and _, ending in .py, no folder")
    return name
