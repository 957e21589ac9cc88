"""The file system behind a store's URL, by fsspec (https://filesystem-spec.readthedocs.io), and its errors in words."""

from __future__ import annotations

import contextlib
import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from services.artifacts.errors import StoreUnavailable, StoreUnusable

PACKAGES = {"s3": "s3fs", "s3a": "s3fs", "gs": "gcsfs", "gcs": "gcsfs", "az": "adlfs", "abfs": "adlfs"}
"""Scheme → the package that knows it. `hf` comes with huggingface_hub; a path needs none."""
_CREDENTIALS = (
    "NoCredentials",
    "PartialCredentials",
    "LocalTokenNotFound",
    "Forbidden",
    "Unauthorized",
    "AccessDenied",
)
_REMEDIES = {
    "s3": "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY (and AWS_ENDPOINT_URL for another service)",
    "hf": "set HF_TOKEN, or run: hf auth login",
}
_PARTIAL = "partial"


class Driver:
    """Whole objects by key, below one URL. Blocking. Raises `StoreUnusable` and `StoreUnavailable`."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.scheme = url.split("://", 1)[0] if "://" in url else "file"
        with self._told("open it"):
            self._files, self._root = _opened(url)
        self._local = self.scheme in ("file", "local")

    def size(self, key: str) -> int | None:
        """Bytes of an object; None where there is none."""
        with self._told("look it up"):
            try:
                return int(self._files.info(self._path(key))["size"])
            except FileNotFoundError:
                return None

    def put(self, path: Path, key: str) -> None:
        """Store a file under a key, whole or not at all."""
        with self._told("store a file"):
            place = self._place(key)
            self._files.put_file(str(path), place)
            self._settle(place, key)

    def write(self, data: bytes, key: str) -> None:
        """As `put`, from memory."""
        with self._told("store a file"):
            place = self._place(key)
            self._files.pipe_file(place, data)
            self._settle(place, key)

    def get(self, key: str, path: Path) -> None:
        """Write an object into a file. Raises `FileNotFoundError` where there is none."""
        with self._told("read a file"):
            self._files.get_file(self._path(key), str(path))

    def read(self, key: str) -> bytes:
        """As `get`, into memory."""
        with self._told("read a file"):
            return bytes(self._files.cat_file(self._path(key)))

    def _path(self, key: str) -> str:
        return f"{self._root}/{key}"

    def _place(self, key: str) -> str:
        """Where to write first. On a disk a file grows under another name; an object store shows an object when its
        last byte has arrived (S3, GCS and the Hub say so), and a move there would be a copy."""
        path = self._path(f"{_PARTIAL}/{secrets.token_hex(8)}" if self._local else key)
        self._files.makedirs(self._files._parent(path), exist_ok=True)
        return path

    def _settle(self, place: str, key: str) -> None:
        if self._local:
            final = Path(self._path(key))
            final.parent.mkdir(parents=True, exist_ok=True)
            Path(place).replace(final)

    @contextlib.contextmanager
    def _told(self, what: str) -> Iterator[None]:
        """Drivers raise what they like: say it in a sentence."""
        try:
            yield
        except (FileNotFoundError, StoreUnusable):
            raise
        except ImportError as error:
            package = PACKAGES.get(self.scheme, f"that fsspec has for {self.scheme}://")
            raise StoreUnusable(
                self.url, f"{self.scheme}:// needs the package {package}: pip install {package}"
            ) from error
        except Exception as error:
            if isinstance(error, PermissionError) or any(word in type(error).__name__ for word in _CREDENTIALS):
                remedy = _REMEDIES.get(self.scheme, "see that this user may write there")
                raise StoreUnusable(self.url, f"it does not let us in ({error}): {remedy}") from error
            raise StoreUnavailable(self.url, what, error) from error


def _opened(url: str) -> tuple[Any, str]:
    """(file system, root below which the keys are)."""
    import fsspec  # type: ignore[import-untyped]
    from fsspec.registry import known_implementations  # type: ignore[import-untyped]

    scheme = url.split("://", 1)[0] if "://" in url else "file"
    if scheme not in fsspec.available_protocols() and scheme not in known_implementations:
        raise StoreUnusable(url, f"{scheme}:// is no kind of store: use s3://, hf://, another of fsspec's, or a path")
    if scheme in ("file", "local"):
        url = str(Path(url.split("://", 1)[-1]).expanduser().resolve())
    files, root = fsspec.core.url_to_fs(url)
    return files, str(root).rstrip("/")
