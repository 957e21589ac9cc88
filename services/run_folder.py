"""Where a run keeps what: the names inside `runs/<id>/`."""

from __future__ import annotations

from pathlib import Path


class RunFolder:
    """`runs/<id>/` and the paths in it."""

    def __init__(self, root: Path) -> None:
        self.root = root.resolve()

    @property
    def id(self) -> str:
        return self.root.name

    @property
    def task(self) -> Path:
        return self.root / "task.yaml"

    @property
    def brief(self) -> Path:
        return self.root / "brief.json"

    @property
    def ended(self) -> Path:
        return self.root / "ended.json"

    @property
    def served(self) -> Path:
        """There where a graph server keeps the run going."""
        return self.root / "served.json"

    @property
    def studio(self) -> Path:
        """There where LangGraph Studio drives the run."""
        return self.root / "studio.json"

    @property
    def given(self) -> Path:
        """The files that a run was handed over with."""
        return self.root / "given"

    @property
    def ledger(self) -> Path:
        return self.root / "ledger.jsonl"

    @property
    def report(self) -> Path:
        return self.root / "report.md"

    @property
    def report_html(self) -> Path:
        return self.root / "report.html"

    @property
    def bundle(self) -> Path:
        """What rebuilds `final_model/` without the crew."""
        return self.root / "bundle"

    @property
    def data(self) -> Path:
        """What jobs may read: the mixtures, the dev split, the worked examples."""
        return self.root / "data"

    @property
    def sealed(self) -> Path:
        """The scorer's own: the test split and the outcome of every item. Mode 0700."""
        return self.root / "sealed"

    @property
    def final_model(self) -> Path:
        return self.root / "final_model"

    @property
    def bus(self) -> Path:
        """The embedded bus server's folder."""
        return self.root / "bus"

    @property
    def bus_url(self) -> Path:
        """Where the bus is, when it is not embedded."""
        return self.root / "bus.json"

    @property
    def checkpoints(self) -> Path:
        return self.root / "checkpoints.sqlite"

    @property
    def tracking(self) -> Path:
        """What a tracker keeps in the run's folder."""
        return self.root / "tracking"

    @property
    def logs(self) -> Path:
        return self.root / "logs"
