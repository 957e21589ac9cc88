"""The web: a search engine of the user's choice, and pages as text."""

from tools.web.fetch import WEB_FETCH
from tools.web.search import WEB_SEARCH

WEB = (WEB_SEARCH, WEB_FETCH)

__all__ = ["WEB"]
