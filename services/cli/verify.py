"""`postdocs verify`: rebuilds the model of a bundle, scores it, and says whether it agrees with its run."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from services.cli.options import AsJson

BundleFolder = Annotated[Path, typer.Argument(metavar="BUNDLE", help="The bundle: runs/<id>/bundle, or a copy of it.")]
Work = Annotated[
    Path | None,
    typer.Option("--work", metavar="DIR", help="An empty folder to rebuild in, and to keep; else a temporary one."),
]


def command(bundle: BundleFolder, work: Work = None, as_json: AsJson = False) -> None:
    """Rebuild the model of a bundle, score it, and say whether it agrees: no key, no language model.

    Runs the bundle's scripts as you, without a sandbox: verify only what comes from somebody you trust. Exit codes:
    0 it agrees · 3 a file was changed, or a score lies outside the interval · 2 it is no bundle that can be rerun ·
    4 a step failed.
    """
    from services.bundle.rerun import rerun, told
    from services.cli.screen import console, print_json

    screen = console(stderr=as_json)
    outcome = rerun(bundle.resolve(), work, lambda line: screen.print(line, soft_wrap=True))
    if as_json:
        print_json({**outcome.model_dump(mode="json"), "agrees": outcome.agrees})
    else:
        for line in told(outcome):
            screen.print(line, soft_wrap=True)
    raise typer.Exit(outcome.exit_code)
