"""Buckets as folders on disk, behind the Xet protocol that `huggingface_hub` speaks to the real ones.

Uploads come as xorbs (chunks, maybe compressed) and shards (which file is made of which chunks); downloads are
described as terms over xorbs. https://huggingface.co/docs/xet/index
"""

from __future__ import annotations

import hashlib
import struct
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import lz4.frame

BOOKEND = b"\xff" * 32
HEADER, ENTRY = 48, 48
WITH_VERIFICATION, WITH_METADATA = 1 << 31, 1 << 30
CHUNK = 64 * 1024


class Buckets:
    """All buckets of the server: `root/<namespace>/<name>/…`."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.private: dict[str, bool] = {}
        self._xorbs: dict[str, bytes] = {}
        self._files: dict[str, list[tuple[str, int, int]]] = {}
        """File hash → (xorb hash, first chunk, chunk after the last)."""
        self._served: dict[str, Path] = {}
        self._lock = threading.Lock()

    def folder(self, bucket: str) -> Path:
        return self.root / bucket

    # What the Hub's API asks

    def create(self, bucket: str, private: bool) -> bool:
        """False when it exists."""
        if bucket in self.private:
            return False
        self.folder(bucket).mkdir(parents=True)
        self.private[bucket] = private
        return True

    def info(self, bucket: str) -> dict[str, Any]:
        files = [path for path in self.folder(bucket).rglob("*") if path.is_file()]
        size = sum(path.stat().st_size for path in files)
        stated = {"id": bucket, "private": self.private[bucket], "createdAt": _iso(time.time())}
        return stated | {"size": size, "totalFiles": len(files)}

    def tree(self, bucket: str, prefix: str) -> list[dict[str, Any]]:
        root = self.folder(bucket)
        paths = sorted(path for path in root.rglob("*") if path.is_file())
        return [self._entry(root, path) for path in paths if str(path.relative_to(root)).startswith(prefix)]

    def paths_info(self, bucket: str, paths: list[str]) -> list[dict[str, Any]]:
        root = self.folder(bucket)
        return [self._entry(root, root / path) for path in paths if (root / path).is_file()]

    def batch(self, bucket: str, operations: list[dict[str, Any]]) -> None:
        for operation in operations:
            path = self.folder(bucket) / operation["path"]
            if operation["type"] == "deleteFile":
                path.unlink(missing_ok=True)
                continue
            path.parent.mkdir(parents=True, exist_ok=True)
            part = path.with_name(f".{path.name}.part")
            part.write_bytes(self._assemble(operation["xetHash"]))
            part.replace(path)

    def _entry(self, root: Path, path: Path) -> dict[str, Any]:
        about = path.stat()
        identity = hashlib.sha256(f"{path} {about.st_mtime_ns} {about.st_size}".encode()).hexdigest()
        self._served[identity] = path
        return {
            "type": "file",
            "path": str(path.relative_to(root)),
            "size": about.st_size,
            "xetHash": identity,
            "mtime": _iso(about.st_mtime),
            "uploadedAt": _iso(about.st_mtime),
        }

    # What the content-addressed store is asked

    def put_xorb(self, digest: str, data: bytes) -> bool:
        with self._lock:
            new = digest not in self._xorbs
            self._xorbs[digest] = data
        return new

    def put_shard(self, data: bytes) -> None:
        at = HEADER
        while (digest := data[at : at + 32]) != BOOKEND:
            flags, count = struct.unpack_from("<II", data, at + 32)
            at += ENTRY
            terms = []
            for number in range(count):
                entry = at + number * ENTRY
                first, after = struct.unpack_from("<II", data, entry + 40)
                terms.append((_hex(data[entry : entry + 32]), first, after))
            at += count * ENTRY
            at += count * ENTRY * bool(flags & WITH_VERIFICATION) + ENTRY * bool(flags & WITH_METADATA)
            self._files[_hex(digest)] = terms

    def reconstruction(self, identity: str, url: str, wanted: tuple[int, int] | None) -> dict[str, Any] | None:
        """How to read a file: one xorb, whose chunks it is, made when it is fetched. None beyond its end."""
        size = self._served[identity].stat().st_size
        begin, end = wanted or (0, size - 1)
        end = min(end, size - 1)
        if begin > end:
            return None
        first, after = begin // CHUNK, end // CHUNK + 1
        unpacked = min(after * CHUNK, size) - first * CHUNK
        span = {"start": first * (CHUNK + 8), "end": min(after * (CHUNK + 8), size + 8 * after) - 1}
        chunks = {"start": first, "end": after}
        return {
            "offset_into_first_range": begin - first * CHUNK,
            "terms": [{"hash": identity, "unpacked_length": unpacked, "range": chunks}],
            "fetch_info": {identity: [{"range": chunks, "url": url, "url_range": span}]},
        }

    def xorb_of(self, identity: str) -> bytes:
        """A file as an uncompressed xorb."""
        data = self._served[identity].read_bytes()
        pieces = (data[at : at + CHUNK] for at in range(0, len(data), CHUNK))
        return b"".join(_chunk_header(len(piece)) + piece for piece in pieces)

    def _assemble(self, digest: str) -> bytes:
        if digest not in self._files and digest == "0" * 64:  # an empty file has no chunks
            return b""
        parts: list[bytes] = []
        for xorb, first, after in self._files[digest]:
            parts.extend(list(_chunks(self._xorbs[xorb], after))[first:after])
        return b"".join(parts)


def _chunk_header(size: int) -> bytes:
    """Version, packed size, scheme (0: none), size; the sizes of three bytes."""
    length = size.to_bytes(3, "little")
    return b"\0" + length + b"\0" + length


def _chunks(xorb: bytes, count: int) -> Iterator[bytes]:
    at = 0
    for _ in range(count):
        packed, scheme = int.from_bytes(xorb[at + 1 : at + 4], "little"), xorb[at + 4]
        size = int.from_bytes(xorb[at + 5 : at + 8], "little")
        body = xorb[at + 8 : at + 8 + packed]
        at += 8 + packed
        yield body if scheme == 0 else _grouped(lz4.frame.decompress(body), size, scheme)


def _grouped(data: bytes, size: int, scheme: int) -> bytes:
    """Scheme 2 puts the first bytes of all groups of four first, then the second ones, and so on."""
    if scheme == 1:
        return data
    out, at = bytearray(size), 0
    for position in range(4):
        length = len(range(position, size, 4))
        out[position::4] = data[at : at + length]
        at += length
    return bytes(out)


def _hex(digest: bytes) -> str:
    """Four little-endian numbers of 64 bits (https://huggingface.co/docs/xet/api)."""
    return "".join(f"{number:016x}" for number in struct.unpack("<4Q", digest))


def _iso(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat().replace("+00:00", "Z")
