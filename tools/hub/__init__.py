"""The Hugging Face Hub as tools: datasets, models, files of repositories, documentation. They only read."""

from tools.hub.docs import READ_DOCS, SEARCH_DOCS
from tools.hub.files import LIST_HUB_FILES, READ_HUB_FILE
from tools.hub.inspect_dataset import INSPECT_DATASET
from tools.hub.inspect_model import INSPECT_MODEL
from tools.hub.rows import DATASET_ROWS, DATASET_STATISTICS
from tools.hub.search_datasets import SEARCH_DATASETS
from tools.hub.search_models import SEARCH_MODELS

HUB_FILES = (LIST_HUB_FILES, READ_HUB_FILE)
HUB_SOURCES = (
    SEARCH_DATASETS,
    SEARCH_MODELS,
    INSPECT_DATASET,
    DATASET_ROWS,
    DATASET_STATISTICS,
    INSPECT_MODEL,
    *HUB_FILES,
)
"""For who chooses what to train, and on what."""
HUB_BUILDING = (INSPECT_MODEL, *HUB_FILES, SEARCH_DOCS, READ_DOCS)
"""For who writes the training."""

__all__ = ["HUB_BUILDING", "HUB_SOURCES"]
