"""The report: every section from the ledger alone, none fails because a run stopped early, nothing injects."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from xml.etree import ElementTree

import pytest

from protocol.brief import Brief, Fork
from protocol.envelope import Envelope
from protocol.ledger import Ledger
from services.cli.ending import told as summary
from services.model_card import card
from services.report.experiments import tree
from services.report.facts import why_it_won
from services.report.html import page as as_html
from services.report.markdown import page as as_markdown
from services.report.plain import sparkline
from services.report.write import page, write_report
from services.run_folder import RunFolder
from services.studio.fork import retold

sys.path.insert(0, str(Path(__file__).parent.parent / "cli"))
from story_of_a_run import TASK, Told, ending, experiments, opening, scored, trial, whole_story

from protocol import control, experiment, job, research

DAY = 86400.0
VOID = {"meta", "br"}
EVIL = (
    '<img src=x onerror=alert(1)> <script>alert(2)</script> "quoted" \'\x1b[31m '
    "[click](javascript:alert(3)) **bold** `c`"
)


class Page(HTMLParser):
    """What a browser would make of the file: elements, identifiers, links, text; fails where tags do not match."""

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.texts: list[str] = []
        self.feed(html)
        self.close()
        assert not self.open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.texts.append(data)

    @property
    def text(self) -> str:
        return "".join(self.texts)

    def values(self, name: str) -> list[str]:
        return [value for _, attrs in self.elements if (value := attrs.get(name)) is not None]


@pytest.fixture
def both(tmp_path: Path) -> tuple[str, Page]:
    path = write_report(Ledger(whole_story(tmp_path)), RunFolder(tmp_path))
    return path.read_text(), Page(path.with_suffix(".html").read_text())


def plain(markdown: str) -> str:
    """Markdown without its links and escapes."""
    unlinked = re.sub(r"(?<!\\)\[((?:[^\[\]\\]|\\.)*)\]\((?:#|https?:)[^)]*\)", r"\1", markdown)
    return re.sub(r"\\(.)", r"\1", unlinked)


def test_the_whole_story_is_in_the_report(both: tuple[str, Page], tmp_path: Path) -> None:
    markdown, html = both
    for told in (
        "The target was met.",
        "0.871 [0.841, 0.901]",
        "Hu et al., 2021: LoRA",
        "300 of 8000 rows stand in test",
        "longer training goes on climbing",
        "2 in a row without +0.010",
        "+0.270 [+0.230, +0.310] against e1 (200 items won, 12 lost of 500, p < 0.0001)",
        "epeats of one recipe differ by a standard deviation of 0.007",
        "91.0 %",
        "postdocs replay",
        "postdocs verify",
    ):
        assert told in plain(markdown), told
        assert told in html.text, told
    assert "| **e3** | test (sealed, read once) | [0.871 \\[0.841, 0.901\\]](#" in markdown
    assert "[Hu et al., 2021: LoRA](https://arxiv.org/abs/2106.09685)" in markdown
    assert "https://arxiv.org/abs/2106.09685" in html.values("href")
    assert not list(tmp_path.glob("*.draft"))


def test_the_page_opens_from_disk_without_network(both: tuple[str, Page]) -> None:
    _, html = both
    tags = {tag for tag, _ in html.elements}
    assert not tags & {"script", "link", "img", "iframe", "object", "embed", "form", "input", "base"}
    assert not html.values("src") + html.values("style")
    assert not [name for _, attrs in html.elements for name in attrs if name.startswith("on")]
    policy = next(attrs for tag, attrs in html.elements if attrs.get("http-equiv") == "Content-Security-Policy")
    assert "default-src 'none'" in str(policy["content"])
    style = html.text[: html.text.index("@media print")]
    assert "url(" not in style and "@import" not in style


def test_every_chart_says_in_words_what_it_shows(tmp_path: Path) -> None:
    write_report(Ledger(whole_story(tmp_path)), RunFolder(tmp_path))
    html = (tmp_path / "report.html").read_text()
    charts = re.findall(r"<svg.*?</svg>", html, re.DOTALL)
    assert len(charts) == 3
    for chart in charts:
        drawn = ElementTree.fromstring(chart)
        title, told = drawn[0], drawn[1]
        assert drawn.get("role") == "img" and drawn.get("aria-labelledby") == f"{title.get('id')} {told.get('id')}"
        assert title.text and told.text


def test_every_figure_leads_to_its_message(both: tuple[str, Page], tmp_path: Path) -> None:
    markdown, html = both
    inside = [link[1:] for link in html.values("href") if link.startswith("#")]
    identifiers = html.values("id")
    assert len(identifiers) == len(set(identifiers))
    assert set(inside) <= set(identifiers)
    assert set(re.findall(r"\]\(#([sd]\d+)\)", markdown)) <= set(re.findall(r'<a id="([sd]\d+)"></a>', markdown))
    told = Ledger(whole_story(tmp_path)).origins[("tested", "e3")]
    assert told.id in html.text and told.id in markdown


def test_a_figure_leads_to_the_message_that_said_it(both: tuple[str, Page]) -> None:
    markdown, _ = both
    anchor = re.search(r"\| \*\*e3\*\* \| test[^|]*\| \[[^|]*\]\(#(s\d+)\)", markdown)
    assert anchor
    row = next(line for line in markdown.splitlines() if f'<a id="{anchor[1]}">' in line)
    assert "e3 scores 0.871" in plain(row) and "on test" in row


@pytest.mark.parametrize("length", range(0, 60, 3))
def test_a_run_that_stopped_anywhere_has_a_report(tmp_path: Path, length: int) -> None:
    ledger = Ledger(whole_story(tmp_path)[:length])
    text = write_report(ledger, RunFolder(tmp_path)).read_text()
    assert text.startswith("# ")
    assert "## Limits" in text
    html = Page((tmp_path / "report.html").read_text())
    assert "Limits" in html.text
    assert {link[1:] for link in html.values("href") if link.startswith("#")} <= set(html.values("id"))


def evil_story(folder: Path) -> Ledger:
    """A run whose user, minds and jobs say what they should not."""
    told = Told("r")
    where = {"folder": str(folder), "task_folder": str(folder)}
    task = TASK.model_copy(update={"goal": EVIL, "prompt": EVIL, "base_model": "</code>" + EVIL})
    told.say("user", Brief(task=task, **where), 0)
    told.say("crew", control.RunStarted(session=0, at=told.at, pid=1, host="here"), 0)
    opening(told, folder)
    told.say("user", Brief(task=task, **where), 0)
    cited = research.Citation(title=f"]({EVIL}", url="javascript:alert(4)")
    other = research.Citation(title=EVIL, url='https://x.example/") <script>alert(5)</script> (')
    technique = research.Technique(id="a", name=EVIL, strategy="sft", summary="", why=EVIL, citations=(cited, other))
    told.say(f"reviewer {EVIL}", research.Review(summary=f"# {EVIL}\n\n<script>", techniques=(technique,)))
    experiments(told)
    proposal = trial("e9", EVIL, recipe={"optim": EVIL, "x|y": "a|b\n# c"})
    told.say("engineer", experiment.Proposals(proposals=(proposal,)))
    told.say("graph", control.Refused(experiment="e9", reason=EVIL))
    told.say("graph", control.StrategyClosed(strategy="grpo", reason=EVIL))
    told.say("user", control.Tell(text=EVIL))
    ending(told, folder)
    return Ledger(told.envelopes)


def test_what_was_said_cannot_become_html(tmp_path: Path) -> None:
    harmless = Page(as_html(page(Ledger(whole_story(tmp_path)), "r", "m")))
    html = Page(as_html(page(evil_story(tmp_path), "r", "m")))
    assert {tag for tag, _ in html.elements} <= {tag for tag, _ in harmless.elements}
    assert not [name for _, attrs in html.elements for name in attrs if name.startswith("on")]
    assert "<script>alert(2)</script>" in html.text  # as the text that it is
    assert "\x1b" not in html.text
    for link in html.values("href"):
        assert link.startswith(("#", "https://"))


def test_what_was_said_cannot_become_markdown(tmp_path: Path) -> None:
    from markdown_it import MarkdownIt

    text = as_markdown(page(evil_story(tmp_path), "r", "m"))
    tokens = list(_all_tokens(MarkdownIt("gfm-like", {"html": True, "linkify": False}).parse(text)))
    for token in tokens:
        if token.type in ("html_block", "html_inline"):
            assert re.fullmatch(r'<a id="[sd]\d+">|</a>', token.content.strip()), token.content
        assert token.type != "image"
        if token.type == "link_open":
            assert str(token.attrs["href"]).startswith(("#", "https://"))
        if token.type == "heading_open":
            assert token.tag in ("h1", "h2")
    widths = [line.count(" | ") for line in text.splitlines() if line.startswith('| <a id="s')]
    assert len(set(widths)) == 1


def _all_tokens(tokens: list) -> Iterator:  # type: ignore[type-arg]
    for token in tokens:
        yield token
        yield from _all_tokens(token.children or [])


class Figures(HTMLParser):
    """Scores that stand in the text outside of a link to where they come from."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.inside: list[str] = []
        self.loose: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in VOID:
            figure = tag == "a" and "figure" in str(dict(attrs).get("class"))
            self.inside.append("figure" if figure else tag)

    def handle_endtag(self, tag: str) -> None:
        self.inside.pop()

    def handle_data(self, data: str) -> None:
        if not {"figure", "svg", "style", "pre", "code"} & set(self.inside):
            self.loose += re.findall(r"(?<![\d.])[+-]?\d\.\d{3}\b", data)


def test_no_score_stands_in_the_report_without_its_source(tmp_path: Path) -> None:
    write_report(Ledger(whole_story(tmp_path)), RunFolder(tmp_path))
    html = (tmp_path / "report.html").read_text()
    told = html[: html.index('<section id="all-verdicts-of-the-gate"')]
    assert Figures('<p>0.123 <a class="figure">0.456</a></p>').loose == ["0.123"]
    assert Figures(told).loose == []


def test_an_interruption_is_told_and_drawn(tmp_path: Path) -> None:
    told = Told("r")
    opening(told, tmp_path)
    told.say("crew", control.RunStarted(session=1, at=told.at + 100, pid=2, host="here"), 100)
    experiments(told)
    ending(told, tmp_path)
    ledger = Ledger(told.envelopes)
    html = as_html(page(ledger, "r", "m"))
    assert "s of work; interrupted once, for 100 s that do not count" in html
    assert "interrupted at minute 0.1" in html and html.count('class="break"') == 1
    assert 'class="break"' not in as_html(page(Ledger(whole_story(tmp_path)), "r", "m"))


def forked_story(folder: Path) -> list[Envelope]:
    """Of a fork, made a day later, of a run that had ended: as `services/studio/fork.py` has it retold."""
    told, kept = Told("parent"), RunFolder(folder / "fork")
    opening(told, folder / "parent")
    whole, origin = list(told.envelopes), Fork(parent="parent", sequence=99, root="parent")
    told.envelopes = []
    told.seconds += DAY
    told.say("user", whole[0].data.model_copy(update={"fork": origin}))
    told.envelopes += retold(whole, RunFolder(folder / "parent"), kept)
    told.say("crew", control.RunStarted(session=1, at=told.at + 1, pid=2, host="here"), 1)
    experiments(told)
    ending(told, kept.root, fork_of="parent")
    return told.envelopes


def test_a_fork_claims_no_untouched_test_split_and_no_interruption(tmp_path: Path) -> None:
    ledger = Ledger(forked_story(tmp_path))
    for told in (plain(as_markdown(page(ledger, "fork", "m"))), Page(as_html(page(ledger, "fork", "m"))).text):
        for claim in ("nobody had looked", "read once", "interrupted"):
            assert claim not in told, claim
        assert "1000 sealed test items (871 right), perhaps read for parent or its other forks too" in told
        assert "This is a fork of parent: the same test split is scored for that run" in told
        assert "begun on 2026-03-01 12:00 UTC, forked from parent on 2026-03-02 12:00 UTC: up to minute 0.1" in told
        assert "s of work; the first 7 s in parent" in told
    assert "perhaps read for parent or its other forks too" in "\n".join(why_it_won(ledger))
    assert "perhaps read for parent or its other forks too" in card(ledger, "fork", "me/dates")
    assert "read once" not in card(ledger, "fork", "me/dates")
    assert "forked at minute 0.1" in as_html(page(ledger, "fork", "m"))
    assert ledger.ended is not None
    assert "perhaps read for parent" in dict(summary("fork", ledger.ended))["test"]


def test_what_machines_cost_by_the_hour_is_added_up(tmp_path: Path) -> None:
    said = whole_story(tmp_path)
    dear = [
        envelope.model_copy(update={"data": envelope.data.model_copy(update={"usd_per_hour": 36.0})})
        if isinstance(envelope.data, job.JobAccepted)
        else envelope
        for envelope in said
    ]
    seconds = sum(entry.seconds for entry in Ledger(said).entries.values())
    assert f"{seconds * 0.01:.2f} US dollars" in plain(as_markdown(page(Ledger(dear), "r", "m")))
    assert "rent of machines" not in as_markdown(page(Ledger(said), "r", "m"))


def test_a_repeat_that_had_learnt_nothing_is_not_told_as_no_repeat(tmp_path: Path) -> None:
    told = Told("r")
    opening(told, tmp_path)
    told.say("engineer", experiment.Proposals(proposals=(trial("e1", "h"), trial("e2", "again", repeats="e1", seed=1))))
    for name in ("e1", "e2"):
        told.say("scorer", scored(name, 0.0))
    text = as_markdown(page(Ledger(told.envelopes), "r", "m"))
    assert "No recipe was repeated" not in text and "no recipe was repeated" not in text
    assert "had not got beyond the floor yet" in text


def test_a_run_without_a_better_model_says_that_the_floor_ships(tmp_path: Path) -> None:
    told = Told("r")
    opening(told, tmp_path)
    ledger = Ledger(told.envelopes)
    assert "the floor itself ships" in why_it_won(ledger)[0]
    assert "the floor itself ships" in as_markdown(page(ledger, "r", "m"))


def test_the_ancestors_of_the_winner_are_no_rivals(tmp_path: Path) -> None:
    told = Told("r")
    opening(told, tmp_path)
    experiments(told)
    lines = why_it_won(Ledger(told.envelopes))
    rivals = lines[lines.index("The next best:") + 1 :]
    assert [line.split()[0] for line in rivals] == ["e4"]


def test_each_step_of_the_winners_way_says_what_it_added(both: tuple[str, Page]) -> None:
    markdown, _ = both
    way = plain(markdown[markdown.index("## What made the difference") :])
    assert re.search(r"\| e1 \| sft \|.*\| \+0\.590 \|", way)
    assert re.search(r"\| e3 \| sft \|.*\| \+0\.270 \|", way)


def test_a_lineage_that_loops_is_told_once(tmp_path: Path) -> None:
    told = Told("r")
    told.say(
        "engineer",
        experiment.Proposals(proposals=(trial("a", "x", parent="b"), trial("b", "y", parent="a"), trial("c", "z"))),
    )
    assert sorted(entry.experiment.id for entry, _ in tree(Ledger(told.envelopes))) == ["a", "b", "c"]


def test_what_shipped_for_a_while_is_not_told_as_what_ships(both: tuple[str, Page]) -> None:
    tree = both[0][both[0].index("## The experiments") : both[0].index("## The score over time")]
    rows = {line.split("|")[1].strip(" └·≈"): plain(line) for line in tree.splitlines() if line.startswith("| ")}
    assert "shipped for a while, then overtaken" in rows["e1"]
    assert "**shipped**: +0.270" in rows["**e3** ★"]
    assert "not scored | killed: lost its rung" in rows["e2"]


def test_the_sparkline_has_a_bar_a_value() -> None:
    assert sparkline([0.0, 0.5, 1.0]) == "▁▅█"


def test_what_the_gate_refused_is_told_with_the_gates_reason_and_leads_to_its_verdict(both: tuple[str, Page]) -> None:
    markdown, html = both
    reason = "rejected: the gate refused it: beyond the noise floor, +0.010 against 0.014"
    for told in (plain(markdown), html.text):
        assert "+0.010 against e3: real" not in told[: told.index("All verdicts of the gate")]
        assert told.count(reason) == 2  # the tree of experiments, and why it does not ship
    (anchor,) = set(re.findall(r"\[rejected: the gate[^|]*\]\(#(s\d+)\)", markdown))
    row = next(line for line in markdown.splitlines() if f'<a id="{anchor}">' in line)
    assert "the gate refuses e4" in plain(row)
