"""The crew's graph: who stands where, as the brief of a run says."""

from __future__ import annotations

from graph import crew
from protocol.crew import Crew, Member

Edge = tuple[str, str, bool]


def edges(crew_of_run: Crew) -> set[Edge]:
    """(from, to, chosen by the node)."""
    drawn = crew.build(crew=crew_of_run).get_graph()
    return {(edge.source, edge.target, edge.conditional) for edge in drawn.edges}


def members(**after: str | None) -> tuple[Member, ...]:
    return tuple(Member(role=role, after=place) for role, place in after.items())


def test_a_role_after_a_step_of_the_opening_stands_between_it_and_the_next() -> None:
    found = edges(Crew(members=members(scribe="curator", scribes_scribe="scribe")))
    assert {("curator", "scribe", False), ("scribe", "scribes_scribe", False)} <= found
    assert ("scribes_scribe", "engineer", False) in found
    assert ("curator", "engineer", False) not in found


def test_a_role_after_a_step_that_chooses_goes_on_where_that_would_have_gone() -> None:
    plain, found = edges(Crew()), edges(Crew(members=members(statistician="critic", skeptic="statistician")))
    ways = {target for source, target, _ in plain if source == "critic"}
    assert {target for source, target, chosen in found if source == "skeptic" and chosen} == ways
    assert [target for source, target, _ in found if source == "critic"] == ["statistician"]
    assert ("statistician", "skeptic", False) in found


def test_a_role_may_stand_where_the_experimentalist_turns() -> None:
    found = edges(Crew(members=members(timekeeper="experimentalist")))
    assert {target for source, target, _ in found if source == "timekeeper"} == {"critic", "engineer", "verify"}


def test_a_role_that_is_left_out_leaves_its_place_to_those_after_it() -> None:
    found = edges(Crew(without=("reviewer",), members=members(librarian="reviewer")))
    assert "reviewer" not in {end for edge in found for end in edge[:2]}
    assert {("brief", "librarian", False), ("librarian", "curator", False)} <= found


def test_a_role_on_call_has_no_node() -> None:
    assert edges(Crew(members=members(librarian=None))) == edges(Crew())
