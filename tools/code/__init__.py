"""Code on GitHub: search, files and folders at a ref, example scripts of the libraries that jobs use."""

from tools.code.examples import FIND_EXAMPLES
from tools.code.reading import READ_CODE
from tools.code.search import SEARCH_CODE, SEARCH_REPOSITORIES

CODE = (SEARCH_CODE, SEARCH_REPOSITORIES, READ_CODE, FIND_EXAMPLES)

__all__ = ["CODE"]
