"""Names of the installed libraries, and what they take."""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Iterable
from difflib import get_close_matches
from typing import Any

CLOSE = 0.5
"""Similarity from which on another name is suggested (difflib's ratio)."""


class Unknown(Exception):
    """The installed library has no such name."""

    def __init__(self, owner: str, name: str, known: Iterable[str]) -> None:
        super().__init__(f"{owner} has no `{name}`{suggestion(name, known)}")


class CannotTell(Exception):
    """It may be there: what it needs is not installed, or it did not load."""


def find(dotted: str) -> Any:
    """The object. Raises `Unknown`, `CannotTell`."""
    first, *rest = dotted.split(".")
    found, path = _module(first, "python"), first
    for part in rest:
        try:
            found = getattr(found, part)
        except AttributeError:
            found = _submodule(found, path, part)
        except Exception as error:  # how lazy modules say that an import of theirs has failed is theirs to choose
            raise CannotTell(f"{path}.{part} does not load here ({type(error).__name__}: {error})") from error
        path = f"{path}.{part}"
    return found


def keywords(target: Any) -> set[str] | None:
    """The names by which something can be given arguments; None where it takes any, or does not tell.

    Wrappers are not looked through: one may take more than what it wraps.
    """
    try:
        parameters = inspect.signature(target, follow_wrapped=False).parameters.values()
    except (TypeError, ValueError):
        return None
    if any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters):
        return None
    return {parameter.name for parameter in parameters if parameter.kind is not parameter.POSITIONAL_ONLY}


def suggestion(name: str, known: Iterable[str]) -> str:
    """`: did you mean `learning_rate`?`, where there is something like it."""
    near = get_close_matches(name, list(known), n=1, cutoff=CLOSE)
    return f": did you mean `{near[0]}`?" if near else ""


def _submodule(owner: Any, path: str, name: str) -> Any:
    known = [one for one in dir(owner) if not one.startswith("_")]
    if not inspect.ismodule(owner):
        raise Unknown(path, name, known)
    try:
        return _module(f"{path}.{name}", path)
    except Unknown:
        raise Unknown(path, name, known) from None


def _module(name: str, owner: str) -> Any:
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name is not None and (name == error.name or name.startswith(f"{error.name}.")):
            raise Unknown(owner, name.rpartition(".")[2], ()) from None
        raise CannotTell(f"{name} needs {error.name}, which is not installed here") from error
    except Exception as error:  # a library's own, of whatever type
        raise CannotTell(f"{name} does not load here ({type(error).__name__}: {error})") from error
