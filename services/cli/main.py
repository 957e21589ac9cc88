"""The entry point `postdocs`: assembles the commands, and turns errors into one sentence and an exit code."""

from __future__ import annotations

import sys
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from protocol.errors import PostdocsError
from services.cli import (
    approve,
    ask,
    cancel,
    doctor,
    push,
    replay,
    report,
    resume,
    role,
    roles,
    run,
    runs,
    schema,
    show,
    tell,
    verify,
    watch,
    worker,
    workers,
)

EXIT_CODES = (
    "Exit codes: 0 the target is met, or without a target the result is better than the floor · 3 it ended "
    "without that · 2 bad input · 4 a service failed · 130 interrupted, go on with `postdocs resume`."
)
INTERRUPTED = 130
FAILED = 4


class Commands(TyperGroup):
    """The group of commands: what goes wrong in any of them ends here."""

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except PostdocsError as error:
            code, told = error.exit_code, str(error)
            caught: BaseException = error
        except KeyboardInterrupt as error:
            code, told, caught = INTERRUPTED, "interrupted", error
        except Exception as error:
            if _is_for_typer(error):
                raise
            told = f"{type(error).__name__}: {error} (--debug shows where)".replace("\n", " ")
            code, caught = FAILED, error
        if ctx.params.get("debug"):
            raise caught
        typer.echo(f"postdocs: {told}", err=True)
        raise typer.Exit(code)


def _is_for_typer(error: Exception) -> bool:
    """Exits, usage errors and closed pipes are Typer's own to end with."""
    return isinstance(error, typer.Exit | typer.Abort | BrokenPipeError) or hasattr(error, "format_message")


app = typer.Typer(
    cls=Commands,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    epilog=EXIT_CODES,
    help="A crew of research agents that post-trains language models end to end, and proves its wins.",
)


def _print_version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        typer.echo(f"postdocs {version('postdocs')}")
        raise typer.Exit


@app.callback()
def options(
    debug: Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")] = False,
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Options that stand before the command. They are read by `Commands.invoke` and by their callbacks."""


COMMANDS = (
    run, resume, runs, show, watch, replay, report, verify, push, approve, cancel, tell, ask, roles, role, worker,
    workers, doctor, schema,
)  # fmt: skip
for command in COMMANDS:
    app.command(command.__name__.rsplit(".", 1)[1])(command.command)


def main() -> None:
    """What the console script calls."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):  # a terminal without → or ✓ gets a question mark, not a traceback
            stream.reconfigure(errors="replace")
    app(prog_name="postdocs")


if __name__ == "__main__":
    main()
