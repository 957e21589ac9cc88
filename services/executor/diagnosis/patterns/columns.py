"""Columns that a trainer or a script expects and the rows do not have."""

from __future__ import annotations

from services.executor.diagnosis.patterns.pattern import words

COLUMNS = (
    words(
        "missing_column",
        r"[Cc]olumns? .*(not (found|in|exist)|doesn't exist|does not exist|missing)",
        r"No columns in the dataset match|Invalid key: .*columns",
        r"(not|n't) .*\bcolumns?\b.*\bdataset",
        r"did not return a loss from the inputs",
        r"[Dd]ataset .*(must|should) (contain|have|include) .*(column|field|key)",
    ),
    words(
        "missing_column",
        r"^KeyError: ",
        stack=r"[/\\]datasets[/\\]|[/\\]trl[/\\]|data_collator|\b(rows?|examples?|batch|features?|samples?|inputs?)\[",
    ),
)
