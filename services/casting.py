"""Who takes part in a run: what is installed, what the project's `roles/` holds, and what the task's `crew:` changes.

`in_crew` finds what is wrong with a task file's `crew:`; `cast` gives the crew that a run's brief keeps.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import yaml

from agents import foreign, registry
from agents.registry import Broken
from agents.role import Role
from protocol.advice import AdviceRequest
from protocol.brief import Task
from protocol.crew import BUILT_IN, ELSEWHERE, INDISPENSABLE, PLACES, Crew, CrewPlan, Member, name_fault
from protocol.errors import BadInput
from protocol.schema import ASKED
from services.task_faults import Fault, line_of, spell

Loc = tuple[str | int, ...]
Complaint = tuple[Loc, str]
Roles = Literal["own", "installed", "there"]
"""Which roles a task may name: those that are installed here and the files of `roles/` beside it; the former alone,
where it has no folder of its own; or any, where only who runs it knows them."""


def known(plan: CrewPlan, folder: Path | None) -> list[str]:
    """All roles that may be named in a task that lies in `folder`. Raises `BadInput`."""
    return sorted({*registry.names(), *(registry.files(folder) if folder else ()), *plan.add})


def left_behind(plan: CrewPlan, folder: Path) -> dict[str, Path]:
    """The files of `roles/` that would take part here, and do not where the task is handed over. Raises `BadInput`."""
    elsewhere = {name for name, seat in plan.add.items() if seat.elsewhere}
    return {name: path for name, path in registry.files(folder).items() if name not in {*plan.without, *elsewhere}}


def served_here(crew: Crew) -> list[str]:
    """What `services.crew` is told to serve in a run: all of its crew but those that are elsewhere."""
    needed = [crew.answering(role) for role in BUILT_IN if crew.seated(role)]
    guests = [member.role for member in crew.members if member.role not in needed]
    names = (",".join(role for role in roles if not crew.elsewhere(role)) for roles in (needed, guests))
    argv = [part for option, told in zip(("--roles", "--guests"), names, strict=True) for part in (option, told)]
    return argv + [part for member in crew.members if member.file for part in ("--file", member.file)]


def cast(plan: CrewPlan, folder: Path | None) -> Crew:
    """The crew of a run whose task lies in `folder`; None: no roles of a project are taken.

    An installed role that does not load, and that the task does not name, is left out and told; all else that is wrong
    raises `BadInput`.
    """
    crew, complaints = _Casting(plan, folder).crew()
    if complaints:
        raise BadInput("; ".join(f"crew{'.' if loc else ''}{spell(loc)}: {told}" for loc, told in complaints))
    return crew


def in_crew(root: yaml.Node, task: Task, folder: Path, roles: Roles = "own") -> Iterator[Fault]:
    """What is wrong with `crew:`, each with its line."""
    try:
        _, complaints = _Casting(task.crew, folder if roles == "own" else None, there=roles == "there").crew()
    except BadInput as error:  # in a file of roles/
        complaints = [((), str(error))]
    for loc, told in complaints:
        where = ("crew", *loc)
        yield Fault(line_of(root, where), f"{spell(where)}: {told}" if loc else told)


@dataclass
class _Casting:
    plan: CrewPlan
    folder: Path | None
    there: bool = False
    """Only who runs it knows the roles: nothing is loaded, and none is missed."""
    here: Mapping[str, Path] = field(init=False)
    roles: dict[str, Role] = field(init=False, default_factory=dict)
    skipped: dict[str, str] = field(init=False, default_factory=dict)

    def crew(self) -> tuple[Crew, list[Complaint]]:
        self.here = registry.files(self.folder) if self.folder else {}
        complaints = [*self._load(), *self._left_out(), *self._replaced(), *self._added()]
        members = tuple(self._member(name) for name in self._names() if name not in self.plan.without)
        crew = Crew(without=self.plan.without, replaced=dict(self.plan.replace), members=members, skipped=self.skipped)
        return crew, complaints or list(self._places(crew))

    def _names(self) -> list[str]:
        """The roles that are not built in: installed, of the project, elsewhere; those that load."""
        found = [*registry.names(), *self.here, *self.plan.add]
        return [name for name in dict.fromkeys(found) if name not in BUILT_IN and name not in self.skipped]

    def _elsewhere(self, name: str) -> bool:
        return name in self.plan.add and self.plan.add[name].elsewhere

    def _load(self) -> Iterator[Complaint]:
        """Load what is not elsewhere. Its own place is looked at in `_places`."""
        if self.there:
            return
        installed = set(registry.names())
        for name in self._names():
            if self._elsewhere(name) or name in self.plan.without or not {name} & {*installed, *self.here}:
                continue
            if name in self.here and name in installed:
                told = f"{self.here[name]} and the package {registry.source(name)} both define it: rename the file"
                yield ("add", name), told
                continue
            try:
                self.roles[name] = registry.load(name, self.here)
            except Broken as error:
                if name in self.here or name in self.plan.add or name in self.plan.replace.values():
                    yield ("add", name), str(error)
                else:
                    self.skipped[name] = error.why

    def _left_out(self) -> Iterator[Complaint]:
        for number, name in enumerate(self.plan.without):
            loc: Loc = ("without", number)
            if name in INDISPENSABLE:
                remedy = f"replace it: crew: {{replace: {{{name}: YOUR_ROLE}}}}"
                yield loc, f"a crew cannot go without the {name}, {INDISPENSABLE[name]}; {remedy}"
            elif self.folder is not None and name not in {*registry.names(), *self.here}:
                yield loc, f"there is no role {name!r} to leave out: {_those([*registry.names(), *self.here])}"
            elif name in self.plan.add or name in {*self.plan.replace, *self.plan.replace.values()}:
                yield loc, f"{name} is left out here and used elsewhere in crew: keep one"

    def _replaced(self) -> Iterator[Complaint]:
        for seat, name in self.plan.replace.items():
            loc: Loc = ("replace", seat)
            others = [other for other, by in self.plan.replace.items() if by == name and other != seat]
            if seat not in BUILT_IN:
                yield loc, f"only a built-in role can be replaced: {_those(BUILT_IN)}"
            elif name in BUILT_IN or others:
                yield loc, f"{name} has a place already: give a role of its own for {seat}"
            elif not self.there and name not in self._names() and name not in self.skipped:
                yield loc, f"there is no role {name!r}: {_remedy(name)}"
            elif name in self.plan.add and self.plan.add[name].after:
                yield loc, f"{name} stands after {self.plan.add[name].after} too: give it one place"
            elif name in self.roles:
                missing = [request for request, _ in ASKED[seat] if request not in self.roles[name].answers]
                if missing:
                    told = ", ".join(kind.__name__ for kind in missing)
                    yield loc, f"{name} has no answer to {told}, which the {seat} is asked: add it to its playbook"

    def _added(self) -> Iterator[Complaint]:
        for name, seat in self.plan.add.items():
            loc: Loc = ("add", name)
            if name in BUILT_IN:
                yield loc, f"{name} is built in, and has its place: leave it out here"
            elif (fault := name_fault(name)) is not None:
                yield loc, fault
            elif not (self.there or seat.elsewhere) and name not in {*registry.names(), *self.here}:
                yield loc, f"there is no role {name!r}: {_remedy(name)}"

    def _member(self, name: str) -> Member:
        seat, role = self.plan.add.get(name), self.roles.get(name)
        after = seat.after if seat else None if name in self.plan.replace.values() else role.after if role else None
        if self._elsewhere(name):
            return Member(role=name, after=after, source=ELSEWHERE)
        if name in self.here:
            return Member(role=name, after=after, source=str(self.here[name]), file=str(self.here[name]))
        installed = name in registry.points()
        return Member(role=name, after=after, source=registry.source(name) if installed else "")

    def _places(self, crew: Crew) -> Iterator[Complaint]:
        """Each role that stands somewhere stands after something that is there, and can answer there."""
        if self.there:
            return
        reached = crew.placed()
        for member in crew.members:
            if member.after is None:
                continue
            loc: Loc = ("add", member.role)
            role = self.roles.get(member.role)
            if member.role not in reached:
                places = _those([*PLACES, *reached])
                yield loc, f"{member.role} stands after {member.after!r}, which is no place in this crew: {places}"
            elif role is not None and AdviceRequest not in role.answers:
                answers = ", ".join(foreign.tag(kind) for kind in role.answers) or "nothing"
                yield loc, f"{member.role} cannot stand there, it has no answer to AdviceRequest, only to {answers}"


def _those(names: tuple[str, ...] | list[str]) -> str:
    return f"there are {', '.join(names)}"


def _remedy(name: str) -> str:
    return (
        f"install it, write roles/{name}.py beside the task, or say where it is served: "
        f"add: {{{name}: {{after: critic, elsewhere: true}}}}"
    )
