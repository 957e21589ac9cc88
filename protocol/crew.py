"""Who is in the crew of a run, and where each stands: as a task asks for it, and as the run's brief keeps it.

The graph is built from the brief, so that a run which is resumed has the crew that it began with.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Annotated

from pydantic import AfterValidator

from protocol.errors import BadInput
from protocol.message import Part

BUILT_IN = ("reviewer", "curator", "engineer", "experimentalist", "critic")
INDISPENSABLE = {
    "curator": "nothing ships without its verdict on contamination",
    "engineer": "nobody else proposes what to try",
    "experimentalist": "nobody else says what runs",
    "critic": "nobody else says what is real",
}
"""Built-in role → why a crew cannot go without one in its place."""
PLACES = ("brief", *BUILT_IN)
"""The steps of a run after which another role may stand, in their order."""
RESERVED = frozenset(
    {
        *PLACES, "verify", "report", "intake", "approve", "follow", "floor", "graph", "crew", "user", "launcher",
        "scorer", "artifacts", "generation", "preflight", "worker", "graph_server", "studio", "desk", "tracker",
        "default",
    }
)  # fmt: skip
"""Names that others than roles have on the bus, in the graph or in the dialogue, and those of the built-in roles."""
ELSEWHERE = "elsewhere"
NAME = re.compile(r"[a-z][a-z0-9_]{0,40}")


def name_fault(name: str) -> str | None:
    """What is wrong with the name of a new role, and what to do; None when nothing is."""
    if not NAME.fullmatch(name):
        return f"{name[:60]!r} cannot name a role: use small letters, digits and _, beginning with a letter"
    if name in RESERVED:
        return f"{name!r} is taken by a part of postdocs: choose another name"
    return None


def _named(name: str) -> str:
    if not NAME.fullmatch(name):
        raise ValueError(f"{name[:60]!r} cannot name a role: use small letters, digits and _, beginning with a letter")
    return name


RoleName = Annotated[str, AfterValidator(_named)]


class Seat(Part):
    """Where a role is to stand in this run, in place of what it declares itself."""

    after: RoleName | None = None
    """The step or role after which it is asked; without: on call, it speaks when another role asks it."""
    elsewhere: bool = False
    """Served on the bus by another process (`postdocs role`, another language): it need not be installed here."""


class CrewPlan(Part):
    """`crew:` of a task: what is to be other than usual."""

    without: tuple[RoleName, ...] = ()
    """Roles that are left out."""
    replace: dict[RoleName, RoleName] = {}
    """Built-in role → the one that answers in its place."""
    add: dict[RoleName, Seat] = {}
    """Role → where it stands."""


class Member(Part):
    """A role of a run's crew that is not built in."""

    role: RoleName
    after: RoleName | None = None
    """None: on call, or in the place of a built-in role."""
    source: str = ""
    """Where its code was found: package and version, the path of a file, or `elsewhere`."""
    file: str | None = None
    """Absolute path, where it is a file of the project's `roles/`."""


class Crew(Part):
    """The crew of one run."""

    without: tuple[RoleName, ...] = ()
    replaced: dict[RoleName, RoleName] = {}
    members: tuple[Member, ...] = ()
    skipped: dict[str, str] = {}
    """Installed role → why it could not be loaded."""

    def seated(self, place: str) -> bool:
        """Whether a step of the graph, or a built-in role, takes part."""
        return place not in self.without

    def answering(self, seat: str) -> str:
        """Who is asked where a built-in role would be."""
        return self.replaced.get(seat, seat)

    def asked(self, role: str) -> str:
        """Who answers when this role is asked by its name. Raises `BadInput` when it was left out: nobody would."""
        if not self.seated(role):
            raise BadInput(f"there is nobody to ask: this run's crew is without {role}")
        return self.answering(role)

    def elsewhere(self, role: str) -> bool:
        """Whether somebody else serves it."""
        return any(member.role == role and member.source == ELSEWHERE for member in self.members)

    def after(self, place: str) -> tuple[str, ...]:
        """Who is asked after a step, in order: each followed by those that stand after it."""
        return tuple(self._following(place))

    def _following(self, place: str) -> Iterator[str]:
        for member in self.members:
            if member.after == place:
                yield member.role
                yield from self._following(member.role)

    def placed(self) -> dict[str, str]:
        """Role → the step whose round it speaks in."""
        return {role: place for place in PLACES for role in self.after(place)}

    def told(self) -> list[str]:
        """For people: what is other than usual, a line each."""
        seats = {role: seat for seat, role in self.replaced.items()}
        lines = [f"without {role}" for role in self.without]
        for member in self.members:
            seat = seats.get(member.role)
            where = f"in place of {seat}" if seat else f"after {member.after}" if member.after else "on call"
            lines.append(f"{member.role} {where} ({member.source})")
        return lines + [f"{role} left out, it does not load ({why})" for role, why in self.skipped.items()]
