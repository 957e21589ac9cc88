"""The part of the jobs server that is about buckets: what the Hub answers, and its store of chunks (CAS)."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable
from typing import Any

Route = tuple[str, str, Callable[..., None]]
BUCKET, HASH = r"([\w.-]+/[\w.-]+)", r"([0-9a-f]{64})"


class BucketRoutes:
    """Answers of a request handler whose `hub` has `buckets`."""

    hub: Any
    headers: Any
    _json: Callable[..., None]
    _send: Callable[..., None]

    def _create_bucket(self, body: bytes, bucket: str) -> None:
        made = self.hub.buckets.create(bucket, json.loads(body or b"{}").get("visibility") == "private")
        url = {"url": f"{self.hub.url}/buckets/{bucket}"}
        self._json(url if made else {**url, "error": "it exists"}, 200 if made else 409)

    def _bucket(self, body: bytes, bucket: str) -> None:
        if bucket not in self.hub.buckets.private:
            return self._json({"error": "no such bucket"}, 404)
        return self._json(self.hub.buckets.info(bucket))

    def _paths_info(self, body: bytes, bucket: str) -> None:
        self._json(self.hub.buckets.paths_info(bucket, json.loads(body)["paths"]))

    def _batch(self, body: bytes, bucket: str) -> None:
        self.hub.buckets.batch(bucket, [json.loads(line) for line in body.splitlines() if line])
        self._json({"failed": []})

    def _resolve(self, body: bytes, bucket: str, path: str) -> None:
        (entry,) = self.hub.buckets.paths_info(bucket, [path])
        refresh = f"{self.hub.url}/api/buckets/{bucket}/xet-read-token"
        headers = {"X-Xet-Hash": entry["xetHash"], "X-Xet-Refresh-Route": refresh, "X-Linked-Size": str(entry["size"])}
        self._send(b"", headers=headers)

    def _xet_token(self, body: bytes, bucket: str, scope: str) -> None:
        cas, expires = f"{self.hub.url}/cas", int(time.time()) + 3600
        headers = {"X-Xet-Cas-Url": cas, "X-Xet-Access-Token": scope, "X-Xet-Token-Expiration": str(expires)}
        self._json({"casUrl": cas, "accessToken": scope, "exp": expires}, headers=headers)

    def _put_xorb(self, body: bytes, digest: str) -> None:
        self._json({"was_inserted": self.hub.buckets.put_xorb(digest, body)})

    def _put_shard(self, body: bytes) -> None:
        self.hub.buckets.put_shard(body)
        self._json({"result": 1})

    def _reconstruct(self, body: bytes, digest: str) -> None:
        url = f"{self.hub.url}/xorb/{digest}"
        found = self.hub.buckets.reconstruction(digest, url, self._range())
        self._json(found or {}, 200 if found else 416)

    def _xorb(self, body: bytes, digest: str) -> None:
        data, wanted = self.hub.buckets.xorb_of(digest), self._range()
        assert wanted is not None
        begin, end = wanted
        self._send(data[begin : end + 1], 206, {"Content-Range": f"bytes {begin}-{end}/{len(data)}"})

    def _range(self) -> tuple[int, int] | None:
        found = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range") or "")
        return (int(found[1]), int(found[2] or 1 << 60)) if found else None


BUCKET_ROUTES: list[Route] = [
    ("POST", f"/api/buckets/{BUCKET}/paths-info", BucketRoutes._paths_info),
    ("POST", f"/api/buckets/{BUCKET}/batch", BucketRoutes._batch),
    ("POST", f"/api/buckets/{BUCKET}", BucketRoutes._create_bucket),
    ("GET", f"/api/buckets/{BUCKET}", BucketRoutes._bucket),
    ("GET", f"/api/buckets/{BUCKET}/xet-(read|write)-token", BucketRoutes._xet_token),
    ("HEAD", f"/buckets/{BUCKET}/resolve/(.+)", BucketRoutes._resolve),
    ("POST", f"/cas/v1/xorbs/default/{HASH}", BucketRoutes._put_xorb),
    ("POST", "/cas/v1/shards", BucketRoutes._put_shard),
    ("GET", f"/cas/v1/reconstructions/{HASH}", BucketRoutes._reconstruct),
    ("GET", f"/xorb/{HASH}", BucketRoutes._xorb),
]
