"""A run told from its journal alone: the dialogue in phases and rounds, with the figures behind each decision.

Used by `postdocs replay`.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator

from rich.text import Text

from protocol import control, critique, data, experiment, research, schedule, score
from protocol.brief import Brief
from protocol.envelope import Envelope
from protocol.ledger import Ledger
from protocol.message import Message
from services.cli import clockwork
from services.cli.dialogue import line, worth_a_line
from services.cli.screen import printable
from services.report.facts import checks, compared, recipe, why_it_won

_PHASES: dict[str, str] = {
    "brief": "The question",
    "run_started": "The question",
    "prepare_eval": "The question",
    "eval_ready": "The question",
    "review_request": "What is known",
    "review": "What is known",
    "curate_request": "The data",
    "overlap_request": "The data",
    "overlap": "The data",
    "generate_request": "The data",
    "generated": "The data",
    "synthesized": "The data",
    "dataset_taken": "The data",
    "data_plan": "The data",
    "floor_banked": "The floor",
    "run_ended": "The end",
}
_TECHNIQUES = 5


class Story:
    """Feed it the journal in order; it gives the lines to print."""

    def __init__(self, verbose: bool = False) -> None:
        self.verbose = verbose
        self.ledger = Ledger()
        self._told: set[str] = set()
        self._rounds = 0
        self._directives: dict[str, experiment.Directive] = {}

    def tell(self, envelope: Envelope) -> Iterator[Text]:
        """The lines for one more message: a heading where a phase begins, the message, its figures."""
        self.ledger.apply(envelope)
        message = envelope.data
        if isinstance(message, experiment.ProposeRequest):
            self._directives[envelope.id] = message.directive
        if not (self.verbose or worth_a_line(message)):
            return
        heading = self._heading(envelope)
        if heading:
            yield Text(f"\n── {printable(heading)} ", style="bold")
        short = _short(message)
        shown = line(envelope, clockwork.elapsed(self.ledger, envelope), short)
        yield shown
        for detail in _details(message):
            yield Text(f"{'':>11}{printable(detail)}", style="dim")

    def ending(self) -> Iterator[Text]:
        """Why it won."""
        yield Text("\n── Why it won ", style="bold")
        for told in why_it_won(self.ledger):
            yield Text(printable(told))

    def _heading(self, envelope: Envelope) -> str | None:
        message = envelope.data
        if isinstance(message, experiment.Proposals) and message.proposals:
            self._rounds += 1
            directive = self._directives.get(envelope.causation or "", self.ledger.directive)
            strategy = f" {directive.strategy}" if directive.strategy else ""
            return f"Round {self._rounds}: {directive.kind.replace('_', ' ')}{strategy} ({directive.reason or 'begin'})"
        phase = _PHASES.get(message.type)
        if isinstance(message, score.Scored | score.ScoreRequest):
            on_test = message.split == "test"
            phase = "The sealed test" if on_test else None if self._rounds else "The floor"
        if phase is None or phase in self._told:
            return None
        self._told.add(phase)
        return phase


def _short(message: Message) -> str | None:
    """A headline without what the details say again, or None for the message's own."""
    if isinstance(message, critique.Verdict):
        over = f" against {message.incumbent}" if message.incumbent else ""
        return f"the gate {'admits' if message.admitted else 'refuses'} {message.candidate}{over}: {message.score}"
    if isinstance(message, experiment.Proposals) and message.proposals:
        return f"{len(message.proposals)} to try" + (f": {message.reason}" if message.reason else "")
    if isinstance(message, data.DataPlan):
        clean = "clean" if message.contamination.clean else "CONTAMINATED"
        return f"{message.mixture.rows} rows to train on, {clean}. {message.summary}"
    return None


# -- the figures behind a message -------------------------------------------------------------------------------


@functools.singledispatch
def _details(message: Message) -> list[str]:
    return []


@_details.register
def _(message: Brief) -> list[str]:
    task = message.task
    sources = ", ".join(source.name for source in task.data)
    return [f"base model {task.base_model}; sources {sources}", f"prompt {task.prompt!r}, answer {task.answer!r}"]


@_details.register
def _(message: research.Review) -> list[str]:
    return [
        f"· {t.name} ({t.strategy}): {t.why or t.summary} [{'; '.join(_cited(c) for c in t.citations)}]"
        for t in message.techniques[:_TECHNIQUES]
    ]


def _cited(citation: research.Citation) -> str:
    where = f"arXiv:{citation.arxiv}" if citation.arxiv else citation.url or ""
    return ", ".join(str(part) for part in (citation.authors or citation.title, citation.year, where) if part)


@_details.register
def _(message: data.DataPlan) -> list[str]:
    taken = ", ".join(f"{rows} of {name}" for name, rows in message.mixture.weights.items())
    lines = [f"taken: {taken}", *(f"✎ {one.origin}" for one in message.profiles if one.origin)]
    for r in message.rejected:
        lines.append(f"✗ {r.source} {'rejected' if r.whole else f'loses {r.rows} rows'} ({r.fault}): {r.reason}")
    found = message.contamination
    return [
        *lines,
        f"overlap of {found.rows_checked} rows with test {found.test_overlap}, with dev {found.dev_overlap}",
    ]


@_details.register
def _(message: control.FloorBanked) -> list[str]:
    tried = sorted(message.tried.items(), key=lambda item: item[1], reverse=True)
    return ["tried " + ", ".join(f"{way} {value:.3f}" for way, value in tried)] if tried else []


@_details.register
def _(message: experiment.Proposals) -> list[str]:
    lines = []
    for proposal in message.proposals:
        e = proposal.experiment
        came = f"from {e.parent}" if e.parent else "from the base"
        again = f", repeats {e.repeats}" if e.repeats else ""
        lines.append(f"{e.id} ({e.strategy}, rung {e.rung}, {came}{again}, {e.seconds:.0f} s): {e.hypothesis}")
        lines.append(f"    {recipe(e)}; given up after {e.abort.patience} without {e.abort.min_gain:+g}")
    return lines


@_details.register
def _(message: schedule.Diagnosis) -> list[str]:
    return [f"evidence: {told}" for told in message.evidence[:3]]


@_details.register
def _(message: score.Scored) -> list[str]:
    return [*map(compared, message.paired), *map(compared, message.unpaired)]


@_details.register
def _(message: critique.Verdict) -> list[str]:
    return [*checks(message), f"noise floor {message.noise_floor:.3f}"]
