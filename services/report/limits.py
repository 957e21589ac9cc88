"""The report's close: what it does not show, and how to go on from here."""

from __future__ import annotations

from protocol.ledger import Ledger
from services.report.facts import repeats, test_score, winner
from services.report.forked import parent, same_split
from services.report.page import Block, Bullets, Code, Commands, Item, Paragraph, Section, Spans
from services.report.sources import Sources


def limits(ledger: Ledger, sources: Sources) -> Section:
    """What these figures do not show, as far as the ledger itself can tell."""
    name = winner(ledger) or ""
    found = _noise(ledger)
    looks = len(ledger.scored)
    if looks > 1:
        found.append(
            (
                "Dev was looked at ",
                sources.figure(f"{looks} times", how="number of candidates scored on dev"),
                " to choose the winner, so its dev score is a little too good"
                + ("." if parent(ledger) else "; the test score is not, it was read once."),
            )
        )
    if parent(ledger):
        found.append((same_split(ledger),))
    if ledger.plan:
        unknown = [p.name for p in ledger.plan.profiles if p.label_noise is None and not p.error]
        if unknown:
            found.append((f"Wrong labels could not be estimated for {', '.join(unknown)}.",))
        found.append((f"Overlap was looked for by {ledger.plan.contamination.method}; paraphrases escape it.",))
    test = test_score(ledger, name)
    if test:
        half = sources.figure(f"±{(test.high - test.low) / 2:.3f}", ("tested", name), ("run_ended", ""))
        found.append((f"{test.n} test items settle the score to ", half, " and no closer."))
    found.append(
        (
            "The result holds for this base model, these data and this decoding; nothing else was measured: not "
            "whether the model has become worse at other things, nor how it does on texts of another kind.",
        )
    )
    return Section("Limits", (Bullets(tuple(Item(one) for one in found)),))


def _noise(ledger: Ledger) -> list[Spans]:
    """Where no repeat measured the noise, or only repeats that had learnt nothing."""
    pairs = repeats(ledger)
    if ledger.noise_floor() is None and not pairs:
        return [
            (
                "No recipe was repeated under another seed: how much of the difference is chance of the seed was not "
                "measured.",
            )
        ]
    scores = [s for pair in pairs for s in (pair[0].score, pair[1].score) if s and not s.failed]
    if not scores or ledger.floor is None or any(s.low > ledger.floor.score.high for s in scores):
        return []
    return [
        (
            "The recipe that was repeated to measure the noise had not got beyond the floor yet, "
            "so that its seeds could "
            "hardly differ: between seeds of a good model the difference may be larger.",
        )
    ]


def how_to_rerun(run: str, ledger: Ledger) -> Section:
    """Commands, to be given where the run's folder lies in `runs/`."""
    more = [] if ledger.ended else [f"postdocs resume {run}          # go on where it stopped"]
    lines = [
        f"postdocs replay {run}          # the whole dialogue, from the journal alone",
        f"postdocs show {run}            # the leaderboard",
        *more,
    ]
    told: list[Block] = []
    if ledger.bundled and ledger.bundled.failed is None:
        lines.append(f"postdocs verify runs/{run}/bundle   # rebuild what ships, score it, and say whether it agrees")
    elif ledger.bundled:
        told = [Paragraph((f"What ships cannot be rebuilt by itself: {ledger.bundled.failed}",))]
    where: Spans = ("Where postdocs is installed, in the folder that has the run in its ", Code("runs/"), ":")
    return Section("How to rerun", (Paragraph(where), Commands(tuple(lines)), *told))
