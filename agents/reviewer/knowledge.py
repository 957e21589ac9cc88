"""The Reviewer's bundled memory: post-training techniques with recipes, and a search over them.

The Reviewer's mind calls `search` with the problem in plain words, and cites what it finds. No network
is needed. The entries are in `knowledge/*.yaml`, one family a file; to teach the crew a technique, add
an entry there, and nothing here changes.
"""

import math
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from functools import cache
from importlib.resources import files
from importlib.resources.abc import Traversable
from types import MappingProxyType
from typing import Annotated, Literal, NamedTuple, get_args

import yaml
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, PlainSerializer, ValidationError, model_validator

Strategy = Literal[
    "decoding", "sft", "lora", "rejection_sampling", "preference",
    "grpo", "distillation", "data", "evaluation", "tuning",
]  # fmt: skip
STRATEGIES: tuple[str, ...] = get_args(Strategy)

Scalar = bool | int | float | str
Value = Scalar | tuple[Scalar, ...]
# Read-only, since the loaded entries are shared by all callers; JSON wants a plain dict again.
Recipe = Annotated[Mapping[str, Value], AfterValidator(MappingProxyType), PlainSerializer(dict, dict[str, Value])]
Phrases = tuple[Annotated[str, Field(min_length=3)], ...]

# BM25's saturation and length normalisation; Robertson & Zaragoza 2009 advise 1.2-2 and 0.5-0.8.
K1 = 1.5
B = 0.75
# A name says most, keywords are chosen to be found, prose is weaker evidence.
FIELD_WEIGHTS: Mapping[str, float] = {"name": 3.0, "keywords": 2.0, "summary": 1.0, "use_when": 1.0}
# A synonym is a guess at what was meant, so it counts for less than a word that was typed.
SYNONYM_WEIGHT = 0.5

_STOPWORDS_TEXT = """
a about all am an and any are as at be been but by can could did do does for from had has have how i if in
into is it its just me my no not of on one only or our should so some than that the their them then there
these they this to too up use was we were what when where which while who why will with would you
"""
_STOPWORDS = frozenset(_STOPWORDS_TEXT.split())
# Phrase in the query (stemmed, as the index is) → words to look for beside it.
_SYNONYMS: Mapping[str, str] = {
    "rl": "reinforcement learning reward policy",
    "rlhf": "preference human feedback reward",
    "reinforcement learning": "rl",
    "vram": "gpu memory out of memory",
    "oom": "out of memory gpu",
    "cuda": "gpu memory",
    "llm": "language model",
    "cot": "chain of thought reasoning",
    "teacher": "distillation",
    "bigger model": "teacher distillation",
    "cheat": "hacking loophole contamination",
    "game": "hacking loophole",
    "leak": "contamination leakage",
    "luck": "noise significance seeds",
    "trust": "significance noise paired test",
    "improvement": "gain",
    "real or noise": "significance paired test",
    "statistically": "significance",
    "wrong label": "label noise mislabeled",
    "incorrect label": "label noise mislabeled",
    "label are": "label noise",
    "annotation": "label",
    "hyperparameter": "search tuning",
    "json": "structured schema",
    "verbose": "length verbosity longer",
    "long answer": "length verbosity",
    "forgot": "forgetting catastrophic",
    "forget": "forgetting catastrophic",
    "thumb": "binary feedback unpaired",
    "average": "averaging soup",
    "crash": "out of memory divergence",
    "nan": "diverge instability",
    "duplicate": "dedup deduplication",
    "synthetic": "generate self-instruct",
    "vote": "majority self-consistency",
}


class KnowledgeError(ValueError):
    """An entry file that cannot be used: which one, and why."""

    def __init__(self, file: str, reason: str) -> None:
        self.file, self.reason = file, reason
        super().__init__(f"knowledge file {file}: {reason}")


class Frozen(BaseModel):
    """Read-only, and strict about unknown fields, so that a typing error in a file is found on load."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Citation(Frozen):
    """A published source; it can be looked up, by arXiv id or by address."""

    title: str = Field(min_length=5)
    authors: str = Field(min_length=2)
    """First author, `et al.`."""
    year: int = Field(ge=1900, le=2100)
    arxiv: str | None = Field(default=None, pattern=r"^\d{4}\.\d{4,5}$")
    url: str | None = Field(default=None, pattern=r"^https://")
    """DOI, proceedings page or official post, where there is no arXiv id."""

    @model_validator(mode="after")
    def _can_be_looked_up(self) -> "Citation":
        if not (self.arxiv or self.url):
            raise ValueError(f"the citation {self.title!r} needs an arxiv id or a url")
        return self


class KnowledgeEntry(Frozen):
    """One technique: what it does, when to use it, starting values, and where it comes from."""

    id: str = Field(pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$")
    name: str
    strategy: Strategy
    summary: str = Field(min_length=60)
    use_when: Phrases = Field(min_length=1)
    avoid_when: Phrases
    recipe: Recipe = Field(min_length=1)
    """Concrete starting values under the field's names, such as `learning_rate: 1e-5`."""
    pitfalls: Phrases = Field(min_length=1)
    keywords: tuple[str, ...] = Field(min_length=3)
    citations: tuple[Citation, ...] = Field(min_length=1)


class Hit(Frozen):
    """An entry that answers a query; the score orders hits of one query and means nothing across queries."""

    entry: KnowledgeEntry
    score: float


class _Index(NamedTuple):
    frequencies: tuple[Mapping[str, float], ...]
    """Per entry, each stem's count over the fields, times the field's weight."""
    lengths: tuple[float, ...]
    rarity: Mapping[str, float]
    """Inverse document frequency of each stem."""


@cache
def load_knowledge() -> tuple[KnowledgeEntry, ...]:
    """All bundled entries, in the order of files and lines; raises `KnowledgeError` on a bad file."""
    folder = files(__name__.rpartition(".")[0]) / "knowledge"
    paths = sorted((p for p in folder.iterdir() if p.name.endswith(".yaml")), key=lambda p: p.name)
    entries: dict[str, KnowledgeEntry] = {}
    for path in paths:
        for entry in _read(path):
            if entry.id in entries:
                raise KnowledgeError(path.name, f"the id {entry.id!r} is taken; choose another")
            entries[entry.id] = entry
    return tuple(entries.values())


def search(query: str, limit: int = 5, strategy: str | None = None) -> list[Hit]:
    """The best `limit` entries for a question in plain words, best first; only those that share a word.

    BM25 with fields weighted before saturation, as in BM25F, and the inverse document frequency kept above
    zero: S. Robertson and H. Zaragoza, The Probabilistic Relevance Framework: BM25 and Beyond, 2009,
    https://doi.org/10.1561/1500000019. Raises `ValueError` for an unknown strategy or a limit below 1.
    """
    if limit < 1:
        raise ValueError(f"limit is {limit}; ask for at least 1 hit")
    if strategy is not None and strategy not in STRATEGIES:
        raise ValueError(f"strategy {strategy!r} is unknown; choose one of {', '.join(STRATEGIES)}")
    wanted, index = _query_terms(query), _index()
    hits = [
        Hit(entry=entry, score=score)
        for number, entry in enumerate(load_knowledge())
        if strategy in (None, entry.strategy) and (score := _bm25(wanted, index, number)) > 0
    ]
    return sorted(hits, key=lambda hit: (-hit.score, hit.entry.id))[:limit]


def _read(path: Traversable) -> list[KnowledgeEntry]:
    try:
        rows = yaml.safe_load(path.read_text(encoding="utf-8"))
    except yaml.YAMLError as error:
        raise KnowledgeError(path.name, f"is no valid YAML: {error}") from error
    if not isinstance(rows, list):
        raise KnowledgeError(path.name, f"must hold a list of entries, not {type(rows).__name__}")
    entries = []
    for row in rows:
        try:
            entries.append(KnowledgeEntry.model_validate(row))
        except ValidationError as error:
            name = row.get("id", row) if isinstance(row, dict) else row
            raise KnowledgeError(path.name, f"entry {name!r}: {error}") from error
    return entries


@cache
def _index() -> _Index:
    frequencies = tuple(_weighted_stems(entry) for entry in load_knowledge())
    count = len(frequencies)
    seen_in = Counter(stem for frequency in frequencies for stem in frequency)
    rarity = {stem: math.log(1 + (count - n + 0.5) / (n + 0.5)) for stem, n in seen_in.items()}
    return _Index(frequencies, tuple(sum(f.values()) for f in frequencies), rarity)


def _weighted_stems(entry: KnowledgeEntry) -> Mapping[str, float]:
    fields = {
        "name": entry.name,
        "keywords": " ; ".join(entry.keywords),
        "summary": entry.summary,
        "use_when": " ; ".join(entry.use_when),
    }
    weighted: dict[str, float] = {}
    for field, text in fields.items():
        for stem in _stems(text):
            weighted[stem] = weighted.get(stem, 0.0) + FIELD_WEIGHTS[field]
    return weighted


def _bm25(wanted: Mapping[str, float], index: _Index, number: int) -> float:
    frequency = index.frequencies[number]
    mean_length = sum(index.lengths) / len(index.lengths)
    norm = K1 * (1 - B + B * index.lengths[number] / mean_length)
    return sum(
        weight * index.rarity[stem] * frequency[stem] * (K1 + 1) / (frequency[stem] + norm)
        for stem, weight in wanted.items()
        if stem in frequency
    )


def _query_terms(query: str) -> dict[str, float]:
    typed = list(_stems(query, keep_stopwords=True))
    sentence = f" {' '.join(typed)} "
    wanted = {stem: SYNONYM_WEIGHT for phrase, words in _stemmed_synonyms() if phrase in sentence for stem in words}
    return wanted | dict.fromkeys(_stems(query), 1.0)


@cache
def _stemmed_synonyms() -> tuple[tuple[str, tuple[str, ...]], ...]:
    return tuple(
        (f" {' '.join(_stems(phrase, keep_stopwords=True))} ", tuple(_stems(words)))
        for phrase, words in _SYNONYMS.items()
    )


def _stems(text: str, *, keep_stopwords: bool = False) -> Iterable[str]:
    words = re.findall(r"[a-z0-9]+\+*", text.lower().replace("%", " percent "))
    return [_stem(word) for word in words if keep_stopwords or word not in _STOPWORDS]


def _stem(word: str) -> str:
    """Fold plural, -ing, -ed and final e, so that `samples`, `sampling` and `sampled` meet (after Porter 1980)."""
    if len(word) > 4 and word.endswith("ies"):
        return word[:-3] + "y"
    if len(word) > 3 and word.endswith("s") and not word.endswith(("ss", "us", "is")):
        word = word[:-1]
    for suffix in ("ing", "ed"):
        root = word.removesuffix(suffix)
        if root != word and len(root) > 2:
            word = root[:-1] if root[-1] == root[-2] and root[-1] not in "lsz" else root
            break
    return word[:-1] if len(word) > 3 and word.endswith("e") else word
