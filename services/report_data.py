"""The report on the data: every source in figures, what was rejected and why, and whether the mixture is clean."""

from __future__ import annotations

from protocol.data import Contamination, DataPlan, SourceProfile
from protocol.ledger import Ledger
from services.report_markdown import code, percent, table

HEAD = (
    "source",
    "rows",
    "used",
    "duplicates (exact / near)",
    "conflicts",
    "wrong labels",
    "overlap dev / test",
    "licence",
)


def data(ledger: Ledger) -> list[str]:
    plan = ledger.plan
    if plan is None:
        return []
    lines = ["## The data", "", *([plan.summary, ""] if plan.summary else [])]
    lines += table(HEAD, [_row(profile, plan) for profile in plan.profiles])
    if plan.rejected:
        lines += ["What was left out, and why:", ""]
        for r in plan.rejected:
            what = "the whole source" if r.whole else f"{r.rows} rows"
            lines.append(f"- **{r.source}**, {what}, {r.fault.replace('_', ' ')}: {r.reason}")
        lines.append("")
    lines += [_contamination(plan.contamination), ""]
    mixture = plan.mixture
    lines += [f"Trained on: {mixture.rows} rows, {code(mixture.path)}, sha256 {mixture.sha256[:12]}.", ""]
    return lines


def _row(profile: SourceProfile, plan: DataPlan) -> tuple[object, ...]:
    if profile.error:
        return (profile.name, "unreadable", 0, "", "", "", "", profile.error)
    overlap = profile.overlap
    noise = "no evidence" if profile.label_noise is None else percent(profile.label_noise)
    return (
        profile.name,
        profile.rows,
        plan.mixture.weights.get(profile.name, 0),
        f"{profile.exact_duplicates} / {profile.near_duplicates}",
        f"{profile.conflicts} of {profile.compared}",
        noise,
        f"{overlap.dev_exact + overlap.dev_near} / {overlap.test_exact + overlap.test_near}"
        if overlap
        else "not checked",
        profile.license or "not said",
    )


def _contamination(found: Contamination) -> str:
    word = "clean" if found.clean else "NOT CLEAN"
    return (
        f"Contamination verdict: **{word}**. Of {found.rows_checked} rows {found.test_overlap} overlap with test "
        f"and {found.dev_overlap} with dev ({found.method})."
    )
