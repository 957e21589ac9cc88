"""Names and keyword arguments that the installed libraries do not have: models remember other versions."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from protocol.preflight import Flaw
from services.executor.preflight.names import CannotTell, Unknown, find, keywords, suggestion
from services.executor.preflight.script import Script


def arguments(script: Script) -> Iterator[Flaw]:
    """What is imported and not there, and what is given and not taken. Says nothing where it cannot tell."""
    tried = {id(part) for node in ast.walk(script.tree) if isinstance(node, ast.Try) for part in ast.walk(node)}
    for _, dotted, statement in script.imported():
        if id(statement) in tried or dotted.endswith(".*"):
            continue  # it may do without
        try:
            find(dotted)
        except Unknown as error:
            yield Flaw(stage="arguments", told=f"{script.at(statement)}: {error}")
        except CannotTell:
            continue
    for call in script.calls():
        yield from _of_call(script, call)


def _of_call(script: Script, call: ast.Call) -> Iterator[Flaw]:
    dotted = script.dotted(call.func)
    if dotted is None:
        return
    try:
        target = find(dotted)
    except Unknown as error:
        if isinstance(call.func, ast.Attribute):  # of an imported name it was said at its import
            yield Flaw(stage="arguments", told=f"{script.at(call)}: {error}")
        return
    except CannotTell:
        return
    taken = keywords(target)
    if taken is None:
        return
    for keyword in call.keywords:
        if keyword.arg is not None and keyword.arg not in taken:
            told = f"{dotted} takes no `{keyword.arg}`{suggestion(keyword.arg, taken)}"
            yield Flaw(stage="arguments", told=f"{script.at(keyword.value)}: {told}")
