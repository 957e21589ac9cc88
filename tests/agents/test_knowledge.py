"""The Reviewer's bundled knowledge: every entry is whole and citable, and plain questions find it."""

import re
from importlib.resources import files

import pytest
import yaml
from pydantic import ValidationError

from agents.reviewer.knowledge import (
    STRATEGIES,
    Citation,
    KnowledgeEntry,
    KnowledgeError,
    _read,
    _stem,
    load_knowledge,
    search,
)

FILES = sorted(
    (path for path in (files("agents.reviewer") / "knowledge").iterdir() if path.name.endswith(".yaml")),
    key=lambda path: path.name,
)

# A question as a user or another role would put it → the entry that must be among the first five.
QUESTIONS = {
    "my model repeats itself when sampling": "repetition-penalty",
    "generation never stops after the answer": "stop-tokens",
    "output must be valid JSON": "constrained-decoding",
    "the classifier always predicts the same class": "contextual-calibration",
    "should I vote over several sampled answers?": "self-consistency",
    "does the wording of the prompt matter?": "prompt-format-search",
    "little GPU memory to fine-tune a big model": "qlora",
    "CUDA out of memory at batch size one": "activation-checkpointing",
    "raising the LoRA rank does not help": "rslora",
    "LoRA or full fine-tuning?": "lora-versus-full",
    "the model forgets its old skills after fine-tuning": "replay-against-forgetting",
    "training is slow because of padding": "sequence-packing",
    "model hallucinates more since we fine-tuned it": "new-knowledge-hallucination",
    "mask the prompt in the loss?": "completion-only-loss",
    "self-generated answers filtered by a checker": "rejection-sampling-ft",
    "we have answers but no rationales": "star",
    "hard questions never get a correct sample": "difficulty-aware-sampling",
    "learn from pairs of chosen and rejected answers": "dpo",
    "only thumbs up and thumbs down feedback": "kto",
    "answers became too long after DPO": "length-controlled-dpo",
    "preference labels are noisy": "robust-dpo",
    "reward with verifiable answers": "rlvr",
    "RL without a critic": "grpo",
    "entropy collapse, all rollouts look the same": "entropy-collapse",
    "reward goes up but benchmark accuracy goes down": "reward-overoptimization",
    "all rollouts in a group have the same reward": "dapo",
    "learn from a bigger model": "sequence-level-kd",
    "teacher and student have different tokenizers": "cross-tokenizer-distillation",
    "small student gets worse from long reasoning traces": "learnability-gap",
    "labels are 30 percent wrong": "confident-learning",
    "a third of the annotations are incorrect labels": "noise-robust-training",
    "test questions may have leaked into the training data": "decontamination",
    "many near duplicates in the dataset": "near-deduplication",
    "how to weight several data sources": "data-mixture",
    "which examples should I train on for a narrow target task": "less-selection",
    "we have only 20 seed examples and need synthetic data": "self-instruct",
    "rare classes are never predicted": "class-imbalance",
    "how many epochs can I repeat scarce data": "repeated-epochs",
    "is a 2 point gain real or noise": "mcnemar-test",
    "confidence interval for F1 difference on the same items": "paired-bootstrap",
    "same settings give different results with another seed": "seed-variance",
    "how many test items do I need to detect a gain": "statistical-power",
    "we looked at the test set hundreds of times": "sealed-test",
    "the base model scores suspiciously high, has it seen the benchmark?": "contamination-detection",
    "search hyperparameters with a short budget": "hyperband",
    "loss is NaN and training diverges": "warmup-clipping",
    "how to change the learning rate when the batch size doubles": "lr-batch-scaling",
    "average the weights of several checkpoints": "model-soups",
    "SFT overfits on a small instruction set": "neftune",
    "learning rate schedule when the run length is unknown": "wsd-schedule",
}


def found(question: str) -> list[str]:
    return [hit.entry.id for hit in search(question)]


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_every_file_parses_into_entries(path):
    assert len(_read(path)) >= 5


def test_ids_are_unique_in_all_files_together():
    ids = [row["id"] for path in FILES for row in yaml.safe_load(path.read_text(encoding="utf-8"))]
    assert len(ids) == len(set(ids)) == len(load_knowledge()) >= 65


def test_at_least_62_entries_cite_an_arxiv_paper():
    cited = [e for e in load_knowledge() if any(c.arxiv for c in e.citations)]
    assert len(cited) >= 62


def test_an_arxiv_id_has_the_form_of_its_time_and_fits_the_year_of_its_citation():
    for citation in (c for e in load_knowledge() for c in e.citations if c.arxiv):
        assert re.fullmatch(r"\d{2}(0[1-9]|1[0-2])\.\d{5}", citation.arxiv), citation
        assert 2000 + int(citation.arxiv[:2]) == citation.year, citation


def test_one_arxiv_id_is_always_one_title_and_one_title_one_id():
    pairs = {(c.arxiv, c.title) for e in load_knowledge() for c in e.citations if c.arxiv}
    assert len({arxiv for arxiv, _ in pairs}) == len({title for _, title in pairs}) == len(pairs)


def test_every_strategy_has_several_entries():
    counts = {s: sum(e.strategy == s for e in load_knowledge()) for s in STRATEGIES}
    assert min(counts.values()) >= 5, counts


def test_names_and_summaries_are_not_repeated():
    entries = load_knowledge()
    assert len({e.name for e in entries}) == len({e.summary for e in entries}) == len(entries)


def test_nine_of_ten_questions_find_their_entry_in_the_first_five():
    misses = {q: found(q) for q, expected in QUESTIONS.items() if expected not in found(q)}
    assert len(misses) <= len(QUESTIONS) / 10, misses


@pytest.mark.parametrize("entry", load_knowledge(), ids=lambda entry: entry.id)
def test_an_entry_is_first_for_its_own_name(entry):
    assert entry.id in found(entry.name)[:2]


def test_a_strategy_narrows_the_hits():
    hits = search("reward", limit=50, strategy="grpo")
    assert hits and {hit.entry.strategy for hit in hits} == {"grpo"}
    assert len(search("reward", limit=50)) > len(hits)


def test_hits_come_best_first_and_no_more_than_asked_for():
    scores = [hit.score for hit in search("noisy labels", limit=3)]
    assert len(scores) == 3
    assert scores == sorted(scores, reverse=True)


@pytest.mark.parametrize("query", ["", "the of and", "zzyzx", "?!"])
def test_a_query_without_a_known_word_finds_nothing(query):
    assert search(query) == []


def test_an_unknown_strategy_or_limit_is_refused_with_the_value():
    with pytest.raises(ValueError, match="sorcery"):
        search("lora", strategy="sorcery")
    with pytest.raises(ValueError, match="limit is 0"):
        search("lora", limit=0)


@pytest.mark.parametrize(
    "forms",
    [
        ("sample", "samples", "sampling", "sampled"),
        ("label", "labels", "labeling"),
        ("policy", "policies"),
        ("clip", "clipping", "clipped"),
        ("loss", "losses"),
    ],
)
def test_forms_of_a_word_share_a_stem(forms):
    assert len({_stem(form) for form in forms}) == 1


def test_an_entry_cannot_be_changed():
    entry = load_knowledge()[0]
    with pytest.raises(ValidationError):
        entry.name = "other"
    with pytest.raises(TypeError):
        entry.recipe["learning_rate"] = 1.0


def test_an_entry_survives_json():
    for entry in load_knowledge():
        assert KnowledgeEntry.model_validate_json(entry.model_dump_json()) == entry


def test_a_citation_that_cannot_be_looked_up_is_refused():
    with pytest.raises(ValidationError, match="needs an arxiv id or a url"):
        Citation(title="Some paper", authors="Doe et al.", year=2020)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("- {id: [", "no valid YAML"),
        ("id: lora", "must hold a list"),
        ("- {id: lora, nam: LoRA}", "entry 'lora'"),
    ],
)
def test_a_bad_file_is_named_with_the_reason(tmp_path, text, reason):
    path = tmp_path / "broken.yaml"
    path.write_text(text)
    with pytest.raises(KnowledgeError, match=rf"broken\.yaml: .*{re.escape(reason)}"):
        _read(path)
