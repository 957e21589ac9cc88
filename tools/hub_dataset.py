"""Loads the rows of a Hugging Face dataset, from the Hub or from its cache. Called by `tools.sources`."""

from __future__ import annotations

import os
import urllib.error
import urllib.request

Row = dict[str, object]

PROBE_SECONDS = 5.0
"""The Hub's client retries for 25 s before it says that there is no network; one quick look saves them."""


class HubFailed(Exception):
    """A dataset that cannot be loaded. `why` is the first line of what the client said."""

    def __init__(self, why: str) -> None:
        self.why = why
        super().__init__(why)


def load(dataset: str, config: str | None, split: str) -> list[Row]:
    """All rows of one split. Without network the cache alone is looked at. Raises HubFailed, and ImportError where
    the `datasets` package is not installed."""
    import datasets
    from huggingface_hub import constants

    if not os.environ.get("HF_HUB_OFFLINE"):
        constants.HF_HUB_OFFLINE = not _reachable(constants.ENDPOINT)
    try:
        return [dict(row) for row in datasets.load_dataset(dataset, config, split=split)]
    except Exception as error:  # the client raises its own errors, and those of httpx, fsspec and pyarrow
        said = str(error).strip() or type(error).__name__
        raise HubFailed(said.splitlines()[0][:200]) from error


def _reachable(endpoint: str) -> bool:
    """Whether a server answers, through a proxy where the environment names one."""
    try:
        with urllib.request.urlopen(urllib.request.Request(endpoint, method="HEAD"), timeout=PROBE_SECONDS):
            return True
    except urllib.error.HTTPError:
        return True
    except OSError:
        return False
