"""What a worker is told when it is started: arguments before the environment before defaults."""

from __future__ import annotations

import pytest

from protocol.errors import BadInput
from services.executor.settings import Settings, read_settings

BUS = {"POSTDOCS_BUS_URL": "nats://127.0.0.1:4222"}


def test_defaults() -> None:
    told = read_settings([], BUS)
    assert (told.bus, told.queue, told.slots, told.sandbox, told.backend) == (
        BUS["POSTDOCS_BUS_URL"],
        "default",
        None,
        True,
        "local",
    )
    assert told.name


def test_an_argument_goes_before_the_environment() -> None:
    environment = BUS | {"POSTDOCS_WORKER_SLOTS": "4", "POSTDOCS_WORKER_QUEUE": "gpus", "POSTDOCS_WORKER_NAME": ""}
    told = read_settings(["--slots", "2", "--bus", "nats://other:1"], environment)
    assert (told.slots, told.queue, told.bus) == (2, "gpus", "nats://other:1")
    assert told.name != ""


@pytest.mark.parametrize(
    ("argv", "environment", "sandbox"),
    [(["--no-sandbox"], {}, False), ([], {"POSTDOCS_WORKER_SANDBOX": "false"}, False), ([], {}, True)],
)
def test_the_sandbox_is_on_unless_it_is_switched_off(
    argv: list[str], environment: dict[str, str], sandbox: bool
) -> None:
    assert read_settings(argv, BUS | environment).sandbox is sandbox


@pytest.mark.parametrize(
    ("argv", "environment", "told"),
    [
        ([], {}, "no bus: give --bus or set POSTDOCS_BUS_URL"),
        (["--slots", "0"], BUS, "--slots 0"),
        ([], BUS | {"POSTDOCS_WORKER_SLOTS": "many"}, "POSTDOCS_WORKER_SLOTS"),
        ([], BUS | {"POSTDOCS_WORKER_SANDBOX": "maybe"}, "--no-sandbox maybe (or POSTDOCS_WORKER_SANDBOX)"),
    ],
)
def test_what_cannot_be_used_is_named_with_its_remedy(argv: list[str], environment: dict[str, str], told: str) -> None:
    with pytest.raises(BadInput) as raised:
        read_settings(argv, environment)
    assert told in str(raised.value) and "\n" not in str(raised.value)


def test_every_setting_is_an_option_with_a_help(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        read_settings(["--help"], {})
    shown = capsys.readouterr().out
    assert all(name.replace("_", "-") in shown for name in Settings.model_fields)
    assert all(field.description for field in Settings.model_fields.values())
