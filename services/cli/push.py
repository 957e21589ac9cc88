"""`postdocs push`: uploads what a run ships to a private repository of the Hugging Face Hub, once the user approves."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from services.cli.options import DEFAULT_RUNS_DIR, AsJson, RunName, RunsDir

if TYPE_CHECKING:
    from protocol.control import Published
    from services.publish import Shipment
    from services.run_folder import RunFolder

FILES = 12
"""Told by name before one approves."""


def command(
    name: RunName,
    repo: Annotated[str, typer.Option("--repo", metavar="OWNER/NAME", help="Where to: always private.")],
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Approve: do not ask.")] = False,
    runs_dir: RunsDir = DEFAULT_RUNS_DIR,
    as_json: AsJson = False,
) -> None:
    """Upload `final_model/` with a model card to a private repository on the Hub. The token: HF_TOKEN."""
    import asyncio

    from services import publish
    from services.cli.screen import print_json
    from services.model_card import card
    from services.run_access import find_run, read_ledger

    _check(repo)
    token = publish.token()
    folder = find_run(runs_dir, name)
    ledger = asyncio.run(read_ledger(folder))
    shipment = publish.shipment(ledger, folder)
    _approve(shipment, repo, yes)
    if as_json or not sys.stderr.isatty():
        from huggingface_hub.utils.tqdm import disable_progress_bars

        disable_progress_bars()
    published = publish.publish(shipment, card(ledger, folder.id, repo), repo, token)
    if as_json:
        print_json(published.model_dump(mode="json", exclude={"type"}))
    else:
        typer.echo(published.headline())
    asyncio.run(_write_down(folder, published))


def _check(repo: str) -> None:
    import re

    from protocol.errors import BadInput

    if not re.fullmatch(r"[A-Za-z0-9_][\w.-]*/[A-Za-z0-9_][\w.-]*", repo):
        raise BadInput(f"--repo {repo!r} is no name of a repository: give OWNER/NAME")


def _approve(shipment: Shipment, repo: str, yes: bool) -> None:
    """Show what would leave this machine, and ask. Raises `BadInput` where nobody can be asked."""
    from protocol.errors import BadInput
    from services.cli.screen import printable

    names = [path.name for path in shipment.files]
    more = f" and {len(names) - FILES} more" if len(names) > FILES else ""
    files = f"{', '.join(names[:FILES])}{more}, {shipment.size / 1e6:,.1f} MB, and a card"
    typer.echo(printable(f"{shipment.run}: {shipment.told}; {files}; to the private repository {repo}"), err=True)
    if yes:
        return
    if not sys.stdin.isatty():
        raise BadInput("there is no terminal to ask on: nothing is uploaded; approve it by --yes")
    if not typer.confirm("Upload it?", default=False, err=True):
        raise BadInput("not approved: nothing is uploaded")


async def _write_down(folder: RunFolder, published: Published) -> None:
    from protocol.envelope import wrap
    from services.run_access import open_journal

    async with open_journal(folder) as journal:
        await journal.append(wrap(published, run=folder.id, sender="user"))
