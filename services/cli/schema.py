"""`postdocs schema`: the protocol as a document, for roles in other languages."""

from __future__ import annotations

from typing import Annotated

import typer


def command(
    asyncapi: Annotated[bool, typer.Option("--asyncapi", help="AsyncAPI 3 in place of JSON Schema.")] = False,
) -> None:
    """Print the JSON Schema of the messages, or the AsyncAPI document of the channels."""
    from protocol import schema
    from services.cli.screen import print_json

    print_json(schema.asyncapi() if asyncapi else schema.json_schema())
