"""The same attempts by a job of a worker that was started with `--no-sandbox`: those here succeed.

Or the other tests would prove nothing: an attempt that fails for a slip of its own looks like one that was refused.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from executor_harness import BARE
from prison import Prison
from prison import prison as built

OPEN = {
    "reading": (
        "home_folder_by_its_path", "home_folder_by_environment", "hugging_face_token", "environments_of_all_processes",
        "bus_url_and_token_in_the_run_folder", "sealed_test_split", "test_split_in_the_folder_of_the_task",
        "checkpoints_of_the_state_machine", "ledger_of_the_run", "folder_of_another_job", "list_of_other_jobs",
        "dots_through_what_it_may_read", "neighbours_of_what_it_may_read", "links_to_the_sealed_test_split",
        "roots_and_folders_of_all_processes", "shared_memory_of_others",
        "temporary_files_of_others",
    ),
    "network": (
        "loopback_of_the_machine", "loopback_by_other_names", "datagrams_to_the_machine", "addresses_of_the_machine",
        "the_bus", "socket_with_a_path", "socket_in_the_job_folder", "socket_with_an_abstract_name",
    ),
    "processes": ("seeing_others", "signals_to_worker_and_zygote"),
    "kernel": ("working_without_the_filter", "programs_that_run_as_root"),
    "writing": (
        "parent_of_the_own_folder", "folder_of_another_job", "new_file_beside_another_job", "home_folder",
        "the_base_model", "the_data_that_it_reads", "truncating_the_data_that_it_reads",
        "modes_and_times_of_what_it_reads", "the_dev_split", "the_sealed_test_split", "the_metric_of_the_task",
        "the_ledger_and_the_checkpoints", "the_model_that_ships", "soft_link_out_of_the_folder",
        "hard_link_to_what_it_reads", "doors_of_proc", "reopening_what_is_open_for_reading",
    ),
}  # fmt: skip
"""Script → attempts that harm nothing but the house made for them, and need no right that an ordinary user lacks."""


@pytest.fixture(scope="module")
def open_house() -> Iterator[Prison]:
    with built(*BARE, sandboxed=False) as made:
        for script, names in OPEN.items():  # what is read is read before it is written over
            made.once(script, names)
        yield made


@pytest.mark.parametrize(("script", "name"), [(script, name) for script, names in OPEN.items() for name in names])
def test_it_gets_out(open_house: Prison, script: str, name: str) -> None:
    assert open_house.once(script, OPEN[script]).verdicts[name]["escaped"] is not None


def test_what_it_changes_is_seen(open_house: Prison) -> None:
    open_house.once("writing", OPEN["writing"])
    assert len(open_house.house.changed()) > 5


def test_the_journal_says_so(open_house: Prison) -> None:
    said = [e.data for e in open_house.once("reading", OPEN["reading"]).said if e.data.type == "job_accepted"]
    assert [accepted.sandboxed for accepted in said] == [False]
