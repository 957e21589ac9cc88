"""The literature: arXiv, Semantic Scholar, and papers on the Hugging Face Hub, as tools of the Reviewer."""

from tools.papers.citing import PAPER_CITATIONS, RECOMMEND_PAPERS, SEARCH_SNIPPETS
from tools.papers.links import PAPER_DATASETS, PAPER_LINKS
from tools.papers.reading import PAPER_DETAILS, READ_PAPER
from tools.papers.search import SEARCH_PAPERS

LITERATURE = (
    SEARCH_PAPERS,
    PAPER_DETAILS,
    READ_PAPER,
    PAPER_CITATIONS,
    RECOMMEND_PAPERS,
    SEARCH_SNIPPETS,
    PAPER_LINKS,
    PAPER_DATASETS,
)

__all__ = ["LITERATURE"]
