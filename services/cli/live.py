"""The view while a run goes on: the dialogue scrolls, below it stand the running jobs, the leaderboard and the clock.

Used by `run`, `resume` and `watch`. In a pipe there is only the dialogue, in plain lines.
"""

from __future__ import annotations

from types import TracebackType
from typing import Self

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.rule import Rule
from rich.table import Table
from rich.text import Text

from protocol.brief import Brief
from protocol.envelope import Envelope
from protocol.experiment import Entry
from protocol.job import JobMetric, JobStarted
from protocol.ledger import Ledger
from services.cli import clockwork
from services.cli.dialogue import clock, line, worth_a_line
from services.cli.leaderboard import leaderboard, ranked, spent_by_minds, standing
from services.cli.screen import printable

FRAMES_PER_SECOND = 2
"""A frame takes a few milliseconds of a core that the training wants too."""

COUNTED = ("running", "queued", "scored", "failed", "killed")


def _minds(envelope: Envelope) -> str:
    """Who thinks, for the first line."""
    if not isinstance(envelope.data, Brief):
        return ""
    models = envelope.data.models or ("default=playbook",)
    return f" · minds: {', '.join(model.removeprefix('default=') for model in models)}"


def _crew(envelope: Envelope) -> list[str]:
    """Whose code takes part beside the built-in roles', for the lines after the first."""
    return envelope.data.crew.told() if isinstance(envelope.data, Brief) else []


class LiveView:
    """`with LiveView(console) as view:` … `view.on_envelope(sequence, envelope, ledger)`."""

    def __init__(
        self, console: Console, verbose: bool = False, budget: float | None = None, silent: bool = False
    ) -> None:
        self.console, self.verbose, self.budget, self.silent = console, verbose, budget, silent
        self.run: str | None = None
        self._ledger: Ledger | None = None
        self._steps: dict[str, tuple[int, int]] = {}
        self._below: list[RenderableType] = []
        self._live: Live | None = None

    def __enter__(self) -> Self:
        if self.console.is_terminal and not self.silent:
            self._live = Live(
                console=self.console,
                get_renderable=self._draw,
                refresh_per_second=FRAMES_PER_SECOND,
                transient=True,
            )
            self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._live is not None:
            self._live.stop()
            self._live = None

    def on_envelope(self, sequence: int, envelope: Envelope, ledger: Ledger) -> None:
        """Tell of one more message; `ledger` has it already."""
        self._note(envelope)
        self._ledger, self._below = ledger, self._arrange(ledger) if self._live else []
        if self.run is None:
            self.run = envelope.run
            self._say(Text(f"run {envelope.run}{_minds(envelope)}", style="bold"))
            for told in _crew(envelope):
                self._say(Text(f"  role: {printable(told)}", style="bold"))
        if self.verbose or worth_a_line(envelope.data):
            self._say(line(envelope, clockwork.elapsed(ledger, envelope)))

    def _say(self, text: Text) -> None:
        if self.silent:
            return
        crop = self.console.is_terminal and not self.verbose
        self.console.print(text, no_wrap=crop, overflow="ellipsis" if crop else "fold", soft_wrap=not crop)

    def _note(self, envelope: Envelope) -> None:
        """Keep how far each running job is."""
        said = envelope.data
        if isinstance(said, JobMetric):
            self._steps[said.experiment] = (said.step, said.max_steps)
        elif isinstance(said, JobStarted):
            self._steps.setdefault(said.experiment, (0, 0))

    # -- the part below the dialogue -----------------------------------------------------------------------------

    def _draw(self) -> RenderableType:
        """Called by Rich in a thread of its own, while the ledger grows in another: it only adds the clock to what
        `_arrange` has made."""
        if self._ledger is None:
            return Text("the crew gathers …", style="dim")
        return Group(*self._below, Text(self._time(self._ledger), style="dim"))

    def _arrange(self, ledger: Ledger) -> list[RenderableType]:
        """Running jobs, leaderboard, what the minds have spent, standing: tables that hold no part of the ledger."""
        parts: list[RenderableType] = [Rule(style="dim")]
        running = ledger.with_status("running")
        if running:
            parts.append(self._jobs(running))
        if ranked(ledger):
            parts.append(leaderboard(ledger))
        if ledger.spent_by:
            parts.append(spent_by_minds(ledger))
        states = {state: len(ledger.with_status(state)) for state in COUNTED}
        counts = " · ".join(f"{count} {state}" for state, count in states.items() if count)
        return [*parts, Text(standing(ledger)), Text(counts or "no experiment yet", style="dim")]

    def _jobs(self, running: list[Entry]) -> Table:
        table = Table.grid(padding=(0, 1))
        for entry in running:
            step, most = self._steps.get(entry.experiment.id, (0, 0))
            loss = f"loss {entry.loss:.3f}" if entry.loss is not None else "starting"
            table.add_row(
                printable(entry.experiment.id),
                ProgressBar(total=most or None, completed=step, width=30, pulse=False),
                f"{step}/{most}" if most else "",
                loss,
            )
        return table

    def _time(self, ledger: Ledger) -> str:
        spent = clockwork.spent(ledger, running=True)
        budget = clockwork.budget(ledger, self.budget)
        left = f", {clock(budget - spent)} left of {clock(budget)}" if budget is not None else ""
        return f"{clock(spent)} spent{left}"
