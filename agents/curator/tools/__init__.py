"""What the Curator's mind can use. None of it changes a source, and none shows a row of the test split.

look.py     profiles, rows, filters tried out
faults.py   duplicates, overlap with dev and test, wrong answers: with examples
mix.py      a mixture, before it is submitted; rows in TRL's formats
make.py     synthetic rows by a script
take.py     a dataset of the Hub as a source

Those of the Hub (tools/hub) look at datasets and models that the task does not name.
"""

from agents.curator.tools.faults import CHECK_CONTAMINATION, FIND_DUPLICATES, FIND_LABEL_NOISE
from agents.curator.tools.look import PROFILE_SOURCES, SAMPLE_ROWS, TRY_FILTERS
from agents.curator.tools.make import GENERATE_ROWS
from agents.curator.tools.mix import PREVIEW_MIXTURE, SHOW_FORMAT
from agents.curator.tools.take import TAKE_DATASET
from tools.hub import HUB_SOURCES

TOOLS = (
    PROFILE_SOURCES,
    SAMPLE_ROWS,
    FIND_DUPLICATES,
    CHECK_CONTAMINATION,
    FIND_LABEL_NOISE,
    TRY_FILTERS,
    PREVIEW_MIXTURE,
    SHOW_FORMAT,
    GENERATE_ROWS,
    TAKE_DATASET,
    *HUB_SOURCES,
)
