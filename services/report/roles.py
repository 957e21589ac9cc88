"""The report's word on the crew: who took part that is not built in, and what those roles said."""

from __future__ import annotations

from protocol.advice import Advice
from protocol.experiment import Advised
from protocol.ledger import Ledger
from services.report.page import Bullets, Item, Paragraph, Section, Strong

WORDS = 5
"""Of each role, so many of its last words are told; the journal has all."""


def advised(ledger: Ledger) -> Section | None:
    """What roles that are not built in have said. They decide nothing, so their words come after what was decided."""
    crew = ledger.brief.crew.told() if ledger.brief else []
    if not (crew or ledger.advice or ledger.unheard):
        return None
    said = [
        Item((Strong(one.role), f": {Advice(text=one.text, directive=one.directive).headline()}"))
        for one in _last(ledger)
    ]
    missed = [Item((Strong(role), ": did not answer when it was asked last")) for role in sorted(ledger.unheard)]
    where = [Paragraph((f"The crew: {'; '.join(crew)}.",))] if crew else []
    told = [Bullets((*said, *missed))] if said or missed else []
    return Section("The crew, and what other roles said", (*where, *told), folded=True)


def _last(ledger: Ledger) -> list[Advised]:
    """The last words of each, in the order in which they were said."""
    kept: list[Advised] = []
    for said in reversed(ledger.advice):
        if sum(one.role == said.role for one in kept) < WORDS:
            kept.append(said)
    return kept[::-1]
