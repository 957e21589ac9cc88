"""The services that know papers, and where they are."""

from __future__ import annotations

from tools.service import Service

INSTEAD = "Use `search_knowledge`, the crew's own knowledge, which needs no network."
PDF_BYTES = 30_000_000

ARXIV = Service("arXiv", "POSTDOCS_ARXIV_API_URL", "https://export.arxiv.org", INSTEAD, seconds=30.0)
"""The Atom API: https://info.arxiv.org/help/api/user-manual.html"""
ARXIV_PAGES = Service(
    "arXiv (full text)", "POSTDOCS_ARXIV_URL", "https://arxiv.org", INSTEAD, seconds=40.0, most_bytes=PDF_BYTES
)
AR5IV = Service("ar5iv", "POSTDOCS_AR5IV_URL", "https://ar5iv.labs.arxiv.org", INSTEAD, seconds=30.0)
SEMANTIC_SCHOLAR = Service(
    "Semantic Scholar",
    "POSTDOCS_SEMANTIC_SCHOLAR_URL",
    "https://api.semanticscholar.org",
    f"{INSTEAD} For searching, source='arxiv' is another way.",
    key="SEMANTIC_SCHOLAR_API_KEY",
    header="x-api-key",
    scheme="",
)
"""Academic Graph and Recommendations: https://api.semanticscholar.org/api-docs"""
