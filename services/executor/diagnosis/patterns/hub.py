"""Files of the Hugging Face Hub that are gated, absent or out of reach
(https://huggingface.co/docs/huggingface_hub/package_reference/utilities#http-errors)."""

from __future__ import annotations

from services.executor.diagnosis.patterns.pattern import words

HUB = (
    words(
        "gated_file",
        r"GatedRepoError|DisabledRepoError",
        r"trying to access a gated repo|is a gated dataset",
        r"Access to (model|dataset) .* is restricted",
        r"awaiting a review from the repo authors",
    ),
    words(
        "missing_file",
        r"(Repository|Revision|RemoteEntry|Dataset|DataFiles)NotFoundError",
        r"^(huggingface_hub\.\w+\.)?EntryNotFoundError",
        r"is not a local folder and is not a valid model identifier",
        r"does not appear to have a file named",
        r"no file named .* found in directory",
        r"Repo id must be in the form",  # a path that is not there is taken for the name of a repository
        r"Incorrect path_or_model_id",
        r"Can't find .* at '|Unable to find '.*'",
    ),
    words(
        "network",
        r"We couldn't connect to '",
        r"LocalEntryNotFoundError|OfflineModeIsEnabled",
        r"Temporary failure in name resolution|Name or service not known|nodename nor servname",
        r"Network is unreachable|No route to host",
        r"(httpx2?|httpcore2?|requests|urllib3|aiohttp)\.(exceptions\.)?\w*(Connect|Timeout|MaxRetry|Proxy)\w*",
        r"Max retries exceeded with url",
        r"urllib\.error\.URLError",
    ),
)
