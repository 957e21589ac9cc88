"""Uploads what a run ships to a private repository of the Hugging Face Hub. Called by `postdocs push`, on the user's
word alone: no role has a tool that does it.

The model must be the one that was scored and shipped, file by file; the repository must be private, before anything is
sent to it.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from protocol.control import Published
from protocol.errors import BadInput, PostdocsError
from protocol.ledger import Ledger
from services.report.facts import test_score, winner
from services.run_folder import RunFolder

if TYPE_CHECKING:
    from huggingface_hub import HfApi
    from huggingface_hub.errors import HfHubHTTPError

SIGN_IN = "`hf auth login`, or set HF_TOKEN to a token that may write"
CARD = "README.md"
PATIENCE = 120.0
"""Seconds without a word from the Hub: it checks a large commit before it answers."""
Answer = TypeVar("Answer")


class NotPublished(PostdocsError):
    """The Hub did not take it."""


@dataclass(frozen=True)
class Shipment:
    """What would be uploaded."""

    run: str
    candidate: str
    sha256: str
    files: tuple[Path, ...]
    size: int
    """Bytes."""
    told: str
    """The candidate and its score, for the user to decide on."""


def shipment(ledger: Ledger, folder: RunFolder) -> Shipment:
    """What a run that has ended ships. Reads all of it. Raises `BadInput` where that is not what was scored."""
    from services.scorer.model_folder import ModelMissing, inference_files, model_sha256

    name = winner(ledger)
    if ledger.ended is None or name is None:
        raise BadInput(f"{folder.id} has not ended: go on with `postdocs resume {folder.id}`, or end it by `cancel`")
    shipped = next((one for one in reversed(ledger.shipped) if one.candidate == name), None)
    try:
        files = tuple(inference_files(folder.final_model))
        digest = model_sha256(folder.final_model)
    except (ModelMissing, OSError) as error:
        raise BadInput(f"there is no model in {folder.final_model} ({error})") from error
    if shipped is None or digest != shipped.sha256:
        raise BadInput(f"{folder.final_model} is not what was scored and shipped as {name}: nothing is uploaded")
    test = test_score(ledger, name)
    told = f"{name}, {f'{test} on the sealed test split' if test else 'without a test score'}"
    return Shipment(folder.id, name, digest, files, sum(path.stat().st_size for path in files), told)


def token() -> str:
    """The user's. Raises `BadInput` where there is none."""
    from huggingface_hub import get_token

    found = get_token()
    if found is None:
        raise BadInput(f"there is no Hugging Face token: {SIGN_IN}")
    return found


def publish(shipment: Shipment, card: str, repository: str, token: str) -> Published:
    """Upload the files and the card, in one commit, to a private model repository, made where there is none.

    Blocking. Raises `BadInput` for what the user can mend (a public repository, a token without the right),
    `NotPublished` for what the Hub does."""
    from huggingface_hub import CommitOperationAdd, HfApi

    from tools.hub_client import bounded

    bounded(PATIENCE)
    api = HfApi(endpoint=os.environ.get("HF_ENDPOINT") or None, token=token)
    _must_be_private(api, repository)
    additions = [CommitOperationAdd(path.name, path) for path in shipment.files]
    additions.append(CommitOperationAdd(CARD, card.encode()))
    message = f"Upload {shipment.candidate} of run {shipment.run}"
    commit = _said(repository, lambda: api.create_commit(repository, additions, commit_message=message))
    url = f"{api.endpoint}/{repository}"
    return Published(
        candidate=shipment.candidate, repository=repository, commit=commit.oid, url=url, sha256=shipment.sha256
    )


def _must_be_private(api: HfApi, repository: str) -> None:
    """Make it where it is not there; then look, since an organisation may have its own rules. Raises `BadInput`."""
    from huggingface_hub.errors import RepositoryNotFoundError

    try:
        info = api.model_info(repository)
    except RepositoryNotFoundError:
        _said(repository, lambda: api.create_repo(repository, private=True, exist_ok=True))
        info = _said(repository, lambda: api.model_info(repository))
    except Exception as error:
        raise _fault(repository, error) from error
    if info.private is not True:
        raise BadInput(
            f"{repository} is a public repository: nothing was uploaded; name one that is private, or a new one"
        )


def _said(repository: str, call: Callable[[], Answer]) -> Answer:
    try:
        return call()
    except Exception as error:
        raise _fault(repository, error) from error


def _fault(repository: str, error: Exception) -> Exception:
    """The Hub's refusal in a sentence; an error that is not the Hub's as it is."""
    import httpx2
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError, OfflineModeIsEnabled

    if isinstance(error, HfHubHTTPError):
        return _refusal(repository, error)
    if isinstance(error, HFValidationError):
        return BadInput(f"{repository!r} is no name of a repository: give OWNER/NAME")
    if isinstance(error, OfflineModeIsEnabled):
        return BadInput("HF_HUB_OFFLINE is set: unset it to upload")
    if isinstance(error, httpx2.HTTPError | ConnectionError | TimeoutError):
        return NotPublished(f"the Hugging Face Hub cannot be reached ({type(error).__name__}): try again")
    if isinstance(error, ValueError | RuntimeError | OSError):  # of an upload that broke off
        return NotPublished(f"the upload to {repository} failed ({type(error).__name__}: {str(error)[:200]})")
    return error


def _refusal(repository: str, error: HfHubHTTPError) -> PostdocsError:
    status = error.response.status_code
    if status == 401:
        return BadInput(f"the Hugging Face token is not valid: {SIGN_IN}")
    if status in (403, 404):
        owner = repository.partition("/")[0]
        return BadInput(f"the Hugging Face token may not write to {owner}: {SIGN_IN} there, or name another --repo")
    if status == 402:
        return BadInput(f"the account has no room for {repository}: see https://huggingface.co/settings/billing")
    said = (error.server_message or "no reason given").replace("\n", " ")[:200]
    return NotPublished(f"the Hugging Face Hub refuses the upload to {repository} (status {status}: {said})")
