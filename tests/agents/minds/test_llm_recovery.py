"""What a mind does about single faults: waiting, shortening, telling the model; and what counts as a loop."""

from __future__ import annotations

import json
import time
from email.utils import formatdate
from types import SimpleNamespace

import pytest
from mind_laboratory import laboratory
from pydantic import BaseModel

from agents.minds.llm import limits as limits_module
from agents.minds.llm.faults import Remedy, remedy, retry_after
from agents.minds.llm.limits import Allowance, Limit, LimitExceeded, Limits
from agents.minds.llm.loops import Loops, Word
from agents.minds.scripted import Call, Conversation, Fault, Faults
from protocol.thought import Fallback, Thought, ToolCalled
from tools.tool import Desk, Tool


class Failed(Exception):
    """As the providers' libraries raise it."""

    def __init__(self, status: int | None, text: str, **headers: str) -> None:
        super().__init__(text)
        if status is not None:
            self.status_code = status
        self.response = SimpleNamespace(headers={name.replace("_", "-"): value for name, value in headers.items()})


@pytest.mark.parametrize(
    ("status", "text", "wanted"),
    [
        (429, "Rate limit reached: too many tokens per minute", Remedy.WAIT),
        (429, "You exceeded your current quota, please check your plan and billing details", Remedy.GIVE_UP),
        (402, "no credit", Remedy.GIVE_UP),
        (401, "wrong key", Remedy.GIVE_UP),
        (404, "no such model", Remedy.GIVE_UP),
        (400, "This model's maximum context length is 8192 tokens", Remedy.SHORTEN),
        (400, "prompt is too long: 210000 tokens > 200000 maximum", Remedy.SHORTEN),
        (400, "the request exceeds the available context size, try increasing it", Remedy.SHORTEN),
        (422, "`inputs` tokens + `max_new_tokens` must be <= 4096", Remedy.SHORTEN),
        (500, "context size exceeded", Remedy.SHORTEN),
        (503, "overloaded", Remedy.WAIT),
        (529, "overloaded_error", Remedy.WAIT),
        (None, "connection reset by peer", Remedy.WAIT),
    ],
)
def test_each_fault_has_its_remedy(status: int | None, text: str, wanted: Remedy) -> None:
    assert remedy(Failed(status, text)) is wanted


def test_retry_after_is_read_as_seconds_and_as_a_date() -> None:
    assert retry_after(Failed(429, "", retry_after="1.5")) == 1.5
    later = retry_after(Failed(429, "", retry_after=formatdate(time.time() + 30, usegmt=True)))
    assert later is not None and 25 < later <= 31
    assert retry_after(Failed(429, "", retry_after="soon")) is None
    assert retry_after(Failed(429, "")) is None


async def test_a_server_that_asks_to_wait_too_long_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    async with laboratory(monkeypatch, lambda talk: "", Faults(["rate_limit"], retry_after=3600)) as lab:
        assert await lab.ask() == "by the playbook"
        assert "it asks to wait 3600 s" in lab.heard(Fallback)[0].reason


async def test_a_server_that_is_down_is_waited_for_once_and_then_hardly_until_it_answers(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    down: list[Fault | None] = ["server_error"] * 8
    async with laboratory(monkeypatch, lambda talk: Call("submit", {"text": "up"}), Faults(ordered=[*down])) as lab:
        assert [await lab.ask() for _ in range(3)] == ["by the playbook", "by the playbook", "up"]
        assert ["6 tries" in lab.heard(Fallback)[0].reason, "2 tries" in lab.heard(Fallback)[1].reason] == [True, True]
        lab.server.faults.ordered[:] = down[:5]
        assert await lab.ask() == "up", "it has answered: it is waited for again"


class Nothing(BaseModel):
    """No arguments."""


class Page(BaseModel):
    number: int


async def _read(given: Page, desk: Desk) -> str:
    return f"page {given.number}: " + "x" * 20_000


READ = Tool("read", "Reads a page.", Page, _read, characters=12_000)


async def test_what_tools_brought_is_shortened_where_the_context_overflows(monkeypatch: pytest.MonkeyPatch) -> None:
    def script(talk: Conversation) -> Call:
        read = len(talk.results)
        return Call("read", {"number": read}) if read < 2 else Call("submit", {"text": "read"})

    async with laboratory(monkeypatch, script, Faults(ordered=[None, None, "overflow"]), tools=[READ]) as lab:
        assert await lab.ask() == "read"
        first, last = lab.server.seen[1].results, lab.server.seen[-1].results
        assert len(first[0]) > 12_000 and all(len(result) < 4_200 for result in last) and len(last) == 2
        assert not lab.heard(Fallback) and len(lab.heard(Thought)) == 2


@pytest.mark.parametrize("provider", ["vllm", "anthropic"])
async def test_a_call_that_cannot_be_read_is_told_journaled_and_kept_as_json(
    monkeypatch: pytest.MonkeyPatch, provider: str
) -> None:
    faults = Faults(ordered=["bad_arguments", "unknown_tool"])
    async with laboratory(monkeypatch, lambda talk: Call("submit", {"text": "fine"}), faults, provider=provider) as lab:
        assert await lab.ask() == "fine"
        kept = [
            call for talk in lab.server.seen for message in talk.messages for call in message.get("tool_calls") or ()
        ]
        assert all(isinstance(json.loads(call["function"]["arguments"]), dict) for call in kept)
        failed = [(call.tool, call.failed) for call in lab.heard(ToolCalled)]
        assert failed == [("submit", True), ("no_such_tool", True), ("submit", False)]
        assert lab.heard(Thought)[0].tool_calls == 0, "none of them used a tool"


async def test_a_slow_tool_is_stopped_when_the_turn_is_over(monkeypatch: pytest.MonkeyPatch) -> None:
    import asyncio

    async def sleeps(given: Nothing, desk: Desk) -> str:
        await asyncio.sleep(60)
        return ""

    tool = Tool("sleeps", "", Nothing, sleeps)
    limits = Limits(turn_allowance=Allowance(seconds=0.5))
    async with laboratory(monkeypatch, lambda talk: Call("sleeps"), tools=[tool], limits=limits) as lab:
        assert await lab.ask() == "by the playbook"
        assert "seconds" in lab.heard(Fallback)[0].reason


def see(loops: Loops, *calls: tuple[str, str, str, bool]) -> list[Word]:
    return [loops.see(*call) for call in calls]


def test_a_success_ends_an_episode_of_failures_alike() -> None:
    loops = Loops()
    wrong = [("signature", f'{{"name": "trl.X{n}"}}', f"there is no 'X{n}' in trl", True) for n in range(8)]
    right = ("signature", '{"name": "trl.SFTTrainer"}', "SFTTrainer(...)", False)
    assert see(loops, *wrong[:3]) == [Word.NOTHING, Word.TELL, Word.ANOTHER_WAY]
    assert see(loops, right, *wrong[3:5]) == [Word.NOTHING, Word.NOTHING, Word.TELL]
    assert Word.OVER in see(loops, *wrong[5:], *wrong[:3])


def test_a_job_that_makes_progress_may_be_polled_and_one_that_stands_still_may_not() -> None:
    loops = Loops()
    moving = see(loops, *(("status", "{}", f"step {n}", False) for n in range(40)))
    assert set(moving) == {Word.NOTHING}
    standing = see(loops, *(("status", "{}", "step 40", False) for _ in range(6)))
    assert standing == [Word.NOTHING, Word.TELL, *[Word.ANOTHER_WAY] * 3, Word.OVER]


def test_a_role_has_limits_of_its_own_within_those_of_the_run() -> None:
    run = Limit("the run", Allowance(tool_calls=5))
    limits = Limits(run=run, roles={"engineer": Allowance(tool_calls=2)})
    with pytest.raises(LimitExceeded) as caught, limits.turn("engineer") as limit:
        for _ in range(3):
            limit.spend(tool_calls=1)
    assert (caught.value.role, caught.value.limit) == ("engineer", 2)
    with pytest.raises(LimitExceeded) as caught, limits.turn("critic") as limit:
        for _ in range(3):
            limit.spend(tool_calls=1)
    assert (caught.value.type, caught.value.value, caught.value.role) == ("tool_calls", 6, "the run")


def test_the_time_of_a_role_adds_up_over_its_turns_and_counts_once_for_two_at_a_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    clock = SimpleNamespace(now=0.0, monotonic=lambda: clock.now)
    monkeypatch.setattr(limits_module, "time", clock)
    limits = Limits(roles={"engineer": Allowance(seconds=30)})
    for _ in range(2):
        with limits.turn("engineer"), limits.turn("engineer"):
            clock.now += 10
    clock.now += 1000  # only thinking counts
    assert limits.of("engineer").seconds == 20
    with pytest.raises(LimitExceeded, match="engineer has used 31 of 30 seconds"), limits.turn("engineer") as limit:
        assert limit.seconds_left() == 10
        clock.now += 11
        limit.check()
