"""Rows and statistics of a dataset on the Hub; the task's test split stays closed."""

from __future__ import annotations

from typing import Any

import pytest

from protocol.brief import Task
from protocol.research import ReviewRequest
from tests.tools.hub.hub_pages import dataset, first_rows, refused
from tests.tools.outside_world import Asked, Reply, Site, made_elsewhere, use, use_for
from tools.hub.files import LIST_HUB_FILES, READ_HUB_FILE
from tools.hub.rows import DATASET_ROWS, DATASET_STATISTICS
from tools.service import Missing
from tools.tool import Tool, ToolFault

SPLIT = {"id": "ada/sums", "config": "main", "split": "train"}
TASK = Task.model_validate(
    {
        "name": "sums",
        "goal": "Add.",
        "base_model": "tiny",
        "prompt": "{question}",
        "answer": "{answer}",
        "data": [{"name": "sums", "dataset": "ada/sums", "config": "main"}],
        "eval": {"dev": {"file": "dev.jsonl"}, "test": {"dataset": "ada/sums", "config": "main", "split": "test"}},
    }
)
REQUEST = ReviewRequest(task=TASK, folder="run", task_folder="task")


def part(all_rows: dict[str, Any], asked: Asked) -> dict[str, Any]:
    """A page of `/rows`."""
    start, length = int(asked.query["offset"]), int(asked.query["length"])
    return all_rows | {"rows": all_rows["rows"][start : start + length]}


async def test_the_first_rows(world: Site) -> None:
    world.on("/viewer/first-rows", Reply(first_rows("ada/sums", 100, note="two\nlines")))
    told = await use(DATASET_ROWS, **SPLIT, start=2, limit=2)
    assert told == (
        "ada/sums main / train, rows 2 to 3; go on with start=4\ncolumns: question (string)\n\n"
        'row 2\nquestion: "What is 2 + 2?"\nnote: "two\\nlines"\n\nrow 3\nquestion: "What is 3 + 3?"\n'
        'note: "two\\nlines"'
    )
    assert world.asked[0].query == {"dataset": "ada/sums", "config": "main", "split": "train"}


async def test_later_rows_are_asked_for_by_their_place(world: Site) -> None:
    def page(asked: Asked) -> Reply:
        found = first_rows("ada/sums", int(asked.query["length"]))
        return Reply({**found, "num_rows_total": 7_473, "num_rows_per_page": 100, "partial": False})

    world.on("/viewer/rows", page)
    told = await use(DATASET_ROWS, **SPLIT, start=200, limit=3)
    assert told.startswith("ada/sums main / train, rows 200 to 202 of 7,473; go on with start=203")
    assert world.asked[0].query["offset"] == "200"


async def test_rows_that_the_first_ones_leave_out_are_asked_for(world: Site) -> None:
    """Of long rows `/first-rows` holds few: here ten of a thousand."""
    later = first_rows("ada/sums", 1_000)
    world.on("/viewer/first-rows", Reply(first_rows("ada/sums", 10) | {"truncated": True}))
    world.on("/viewer/rows", lambda asked: Reply(part(later, asked) | {"num_rows_total": 1_000}))
    told = await use(DATASET_ROWS, **SPLIT, start=20, limit=2)
    assert told.startswith("ada/sums main / train, rows 20 to 21 of 1,000; go on with start=22") and "row 21" in told
    assert world.asked[-1].query | {"offset": "20", "length": "2"} == world.asked[-1].query
    assert "rows 8 to 11 of 1,000" in await use(DATASET_ROWS, **SPLIT, start=8, limit=4)
    assert "has no rows from 1000 on: it has 1,000" in await use(DATASET_ROWS, **SPLIT, start=1_000)


async def test_what_the_server_does_not_show_is_not_said_to_be_missing(world: Site) -> None:
    world.on("/viewer/first-rows", Reply(first_rows("ada/sums", 10) | {"truncated": True}))
    world.on("/viewer/rows", refused(500, "SplitParquetSchemaMismatchError"))
    told = await use(DATASET_ROWS, **SPLIT, start=8, limit=4)
    assert "rows 8 to 9; the server shows only the first 10 rows\n" in told and "row 9" in told
    with pytest.raises(ToolFault, match="the server shows only the first 10 rows"):
        await use(DATASET_ROWS, **SPLIT, start=20)


async def test_of_a_split_that_the_server_holds_in_part_the_end_is_not_claimed(world: Site) -> None:
    world.on("/viewer/rows", Reply(first_rows("ada/sums", 2) | {"num_rows_total": 502, "partial": True}))
    told = await use(DATASET_ROWS, **SPLIT, start=500, limit=4)
    assert "rows 500 to 501 of 502; the server holds only the first 502 rows\n" in told
    world.on("/viewer/rows", Reply(first_rows("ada/sums", 0) | {"num_rows_total": 502, "partial": True}))
    with pytest.raises(ToolFault, match="holds only the first 502 rows"):
        await use(DATASET_ROWS, **SPLIT, start=502)


async def test_a_short_split_is_shown_to_its_end(world: Site) -> None:
    world.on("/viewer/first-rows", Reply(first_rows("ada/sums", 3)))
    assert "rows 1 to 2 of 3; these are the last\n" in await use(DATASET_ROWS, **SPLIT, start=1)
    assert "has no rows from 3 on: it has 3" in await use(DATASET_ROWS, **SPLIT, start=3)
    assert {asked.path for asked in world.asked} == {"/viewer/first-rows"}


async def test_long_values_pictures_and_cut_cells(world: Site) -> None:
    rows = first_rows("ada/sums", 20, text="x" * 50_000)
    rows["rows"][0]["truncated_cells"] = ["text"]
    rows["rows"][0]["row"]["picture"] = {"src": "https://signed.example/?Signature=abc", "height": 3, "width": 3}
    rows["rows"][1]["row"]["sound"] = [{"src": "https://signed.example/?Signature=abc", "type": "audio/wav"}]
    rows["rows"][2]["row"]["none"] = []
    world.on("/viewer/first-rows", Reply(rows))
    told = await use(DATASET_ROWS, **SPLIT, limit=20)
    assert "row 0 [cut by the server: text]" in told and "picture: (image or audio)" in told and "Signature" not in told
    assert "sound: (image or audio)" in told and "none: []" in told
    assert "(50,002 characters)" in told and len(told) < DATASET_ROWS.characters


@pytest.mark.parametrize("tool", [DATASET_ROWS, DATASET_STATISTICS], ids=lambda tool: tool.name)
@pytest.mark.parametrize(
    ("reply", "said"),
    [
        (refused(404, "SplitNotFoundError"), "no such configuration, split or rows"),
        (refused(422, "InvalidParameter"), "no such configuration, split or rows"),
        (refused(500, "ResponseNotReady"), "has not been processed"),
        (refused(501, "SplitWithTooBigParquetError"), "read its files"),
        (refused(404, "DatasetNotFoundError"), "the Hub has no dataset 'ada/sums'"),
        (Reply("oops", 500), r"\(status 500\)"),
    ],
)
async def test_what_is_not_there_is_told(world: Site, tool: Tool, reply: Reply, said: str) -> None:
    world.otherwise = reply
    with pytest.raises(ToolFault, match=said):
        await use(tool, **SPLIT)


async def test_a_missing_dataset_and_a_gated_one_are_told_apart(world: Site) -> None:
    world.on("/viewer/first-rows", refused(401, "ExternalUnauthenticatedError"))
    world.on("/api/datasets/ada/sums", Reply("", 401))
    with pytest.raises(Missing, match="has no dataset 'ada/sums' that everybody may see"):
        await use(DATASET_ROWS, **SPLIT)
    world.on("/api/datasets/ada/sums", Reply(dataset("ada/sums", gated="auto")))
    with pytest.raises(ToolFault, match="dataset ada/sums is gated"):
        await use(DATASET_ROWS, **SPLIT)


async def test_statistics_by_type(world: Site) -> None:
    """The example of the documentation: nyu-mll/glue."""
    hist = {"histogram": {"hist": [1], "bin_edges": [0, 1]}}
    numbers = {"nan_count": 3, "min": 6, "max": 231, "mean": 40.70074, "median": 37, "std": 19.14431, **hist}
    labels = {"nan_count": 0, "n_unique": 2, "frequencies": {"unacceptable": 2_528, "acceptable": 6_023}}
    columns = [
        {"column_name": "sentence", "column_type": "string_text", "column_statistics": numbers},
        {"column_name": "label", "column_type": "class_label", "column_statistics": labels},
        {
            "column_name": "at",
            "column_type": "datetime",
            "column_statistics": {"nan_count": 0, "min": "2013-05-18 04:54:11", "max": "2013-06-20 10:01:41"},
        },
        {"column_name": "odd", "column_type": "new_type", "column_statistics": {"nan_count": None}},
    ]
    world.on("/viewer/statistics", Reply({"num_examples": 8_551, "statistics": columns, "partial": True}))
    told = await use(DATASET_STATISTICS, **SPLIT)
    assert told.splitlines() == [
        "ada/sums main / train: 8,551 rows, the first 5 GB only",
        "- sentence (string_text) characters: min 6, median 37, mean 40.7007, max 231, std 19.1443; 3 empty",
        "- label (class_label): acceptable × 6023, unacceptable × 2528",
        "- at (datetime): min 2013-05-18 04:54:11, max 2013-06-20 10:01:41",
        "- odd (new_type): nothing measured",
    ]


@pytest.mark.parametrize("tool", [DATASET_ROWS, DATASET_STATISTICS], ids=lambda tool: tool.name)
@pytest.mark.parametrize("id", ["ada/sums", "Ada/Sums", "mirror/sums"])
async def test_the_tasks_test_split_is_closed(world: Site, tool: Tool, id: str) -> None:
    with pytest.raises(ToolFault, match="is this task's test split"):
        await use_for(REQUEST, tool, id=id, config="socratic", split="test")
    assert not world.asked


@pytest.mark.parametrize("tool", [DATASET_ROWS, DATASET_STATISTICS], ids=lambda tool: tool.name)
@pytest.mark.parametrize("request_", made_elsewhere("ada/sums"), ids=["benchmark", "generator"])
async def test_where_a_benchmark_or_a_generator_has_the_test_from_is_closed(
    world: Site, tool: Tool, request_: ReviewRequest
) -> None:
    for id in ("ada/sums", "Ada/Sums", "mirror/sums"):
        with pytest.raises(ToolFault, match=f"{id}, split train, is this task's test split"):
            await use_for(request_, tool, **SPLIT | {"id": id})
    assert not world.asked


@pytest.mark.parametrize(
    "origin", ["ada/sums:test", "https://huggingface.co/datasets/ada/sums", "https://hf.co/datasets/sums/viewer/x"]
)
async def test_files_of_such_a_dataset_are_closed_and_its_card_is_not(world: Site, origin: str) -> None:
    world.on("/datasets/ada/sums/resolve/main/README.md", Reply("# Sums"))
    for request in made_elsewhere(origin):
        assert "# Sums" in await use_for(request, READ_HUB_FILE, id="ada/sums", kind="dataset", path="README.md")
        with pytest.raises(ToolFault, match="of its files only the card is open"):
            await use_for(request, READ_HUB_FILE, id="Ada/sums", kind="dataset", path="data/test.csv")
    assert len(world.asked) == 2


async def test_an_origin_that_names_a_split_leaves_the_others_open(world: Site) -> None:
    world.on("/viewer/first-rows", Reply(first_rows("ada/sums", 3)))
    for request in made_elsewhere("ada/sums:test[:50%]"):
        assert "row 0" in await use_for(request, DATASET_ROWS, **SPLIT)
        with pytest.raises(ToolFault, match="is this task's test split"):
            await use_for(request, DATASET_ROWS, **SPLIT | {"split": "test"})


async def test_the_other_splits_are_open_and_the_files_are_not(world: Site) -> None:
    world.on("/viewer/first-rows", Reply(first_rows("ada/sums", 3)))
    world.on("/datasets/ada/sums/resolve/main/README.md", Reply("# Sums"))
    world.on("/api/datasets/ada/sums/tree/main", Reply([]))
    assert "row 0" in await use_for(REQUEST, DATASET_ROWS, **SPLIT)
    file = {"id": "ada/sums", "kind": "dataset"}
    assert "# Sums" in await use_for(REQUEST, READ_HUB_FILE, **file, path="README.md")
    assert "ada/sums" in await use_for(REQUEST, LIST_HUB_FILES, **file)
    before = len(world.asked)
    with pytest.raises(ToolFault, match="of its files only the card is open"):
        await use_for(REQUEST, READ_HUB_FILE, **file, path="main/train.jsonl")
    assert len(world.asked) == before


@pytest.mark.parametrize("held", ["train[90%:]", "test+train", "validation[:10] + train[:5%]", "all"])
async def test_a_slice_closes_the_split_that_it_is_cut_from(world: Site, held: str) -> None:
    assert TASK.eval
    sliced = TASK.eval.test.model_copy(update={"split": held})
    plan = TASK.eval.model_copy(update={"test": sliced})
    request = REQUEST.model_copy(update={"task": TASK.model_copy(update={"eval": plan})})
    with pytest.raises(ToolFault, match="test split"):
        await use_for(request, DATASET_ROWS, **SPLIT)
