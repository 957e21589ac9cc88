"""Copies what a job has made into the mounted bucket. Used by `entry` in the container.

Copied is what is new or has changed, and of the checkpoints the newest alone; then the manifest is written, then what
it no longer names is removed. So whatever the container dies of, the manifest names whole files only.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from services.executor.backends.hf_jobs.manifest import NAME, OUT, Kept, Manifest, sha256
from services.executor.files.folder import JobFolder

ASIDE = (".", "torn-", "old-checkpoint-", "__pycache__")
"""What names begin with that nobody goes on from."""


class Keeper:
    """Knows what is in the bucket already."""

    def __init__(self, folder: JobFolder, mounted: Path) -> None:
        self.folder, self.mounted = folder, mounted
        manifest = mounted / NAME
        self.manifest = Manifest.model_validate_json(manifest.read_bytes()) if manifest.exists() else Manifest()
        self._seen: dict[str, tuple[int, int]] = {}
        """Size and time of change of each file as it was copied."""

    def keep(self) -> int:
        """Copy what there is now; the generation of the manifest that names it."""
        newest = next(reversed(self.folder.checkpoints()), None)
        kept: dict[str, Kept] = {}
        for name, path in self._files(newest).items():
            try:
                kept[name] = self._copied(name, path)
            except FileNotFoundError:  # the trainer removes what it does not need any more
                continue
        if newest is not None and not newest.is_dir():  # in the middle of it; the one before is still whole there
            gone = str(newest.relative_to(self.folder.root))
            kept = {name: file for name, file in kept.items() if not name.startswith(f"{gone}/")}
            kept |= {
                name: file for older in self.manifest.checkpoints() for name, file in self.manifest.below(older).items()
            }
        obsolete = set(self.manifest.files) - set(kept)
        self.manifest = Manifest(generation=self.manifest.generation + 1, files=kept)
        (self.mounted / NAME).write_text(self.manifest.model_dump_json())
        for name in obsolete:
            (self.mounted / OUT / name).unlink(missing_ok=True)
        return self.manifest.generation

    def _copied(self, name: str, path: Path) -> Kept:
        about = path.stat()
        state = (about.st_size, about.st_mtime_ns)
        if self._seen.get(name) != state or name not in self.manifest.files:
            target = self.mounted / OUT / name
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, target)
            self._seen[name] = state
            return Kept(size=path.stat().st_size, sha256=sha256(path))
        return self.manifest.files[name]

    def _files(self, newest: Path | None) -> dict[str, Path]:
        """All of the job's folder but what came with the job, its output and events, links, and older checkpoints."""
        root = self.folder.root
        skipped = {root / name for name in self.folder.job.spec.files} | {self.folder.log, self.folder.events}
        skipped |= {path for path in self.folder.checkpoints() if path != newest}
        found: dict[str, Path] = {}
        for folder, folders, names in os.walk(root):
            folders[:] = [name for name in folders if _wanted(Path(folder) / name, skipped)]
            for name in names:
                path = Path(folder) / name
                if _wanted(path, skipped) and path.is_file():
                    found[str(path.relative_to(root))] = path
        return found


def _wanted(path: Path, skipped: set[Path]) -> bool:
    return path not in skipped and not path.is_symlink() and not path.name.startswith(ASIDE)
