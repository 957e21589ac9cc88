"""Errors of the protocol: typed attributes, and a message built once that says what to do."""

from __future__ import annotations

import re


class PostdocsError(Exception):
    """Base of all errors that people get to see. `exit_code` is what the command line ends with."""

    exit_code = 4


class BadInput(PostdocsError):
    """What the user gave cannot be used."""

    exit_code = 2


def without_userinfo(url: str) -> str:
    """The URL without user, password or token, for people to see."""
    return re.sub(r"^(\w+://)?.*@", r"\1", url)


class BusUnavailable(PostdocsError):
    """No NATS server answers, or none that can be used."""

    def __init__(self, url: str, reason: str, remedy: str = "start one with JetStream, or correct --bus") -> None:
        self.url, self.reason = without_userinfo(url), reason
        super().__init__(f"no usable NATS server at {self.url} ({reason}): {remedy}")


class NoAnswer(PostdocsError):
    """Nobody answered, nor gave a sign of being at it, for too long."""

    def __init__(self, recipient: str, question: str, seconds: float, why: str) -> None:
        self.recipient, self.question, self.seconds, self.why = recipient, question, seconds, why
        super().__init__(f"{recipient} did not answer {question!r}: no sign of it for {seconds:.0f} s ({why})")


class AnswerFailed(PostdocsError):
    """A service answered that it could not. `exit_code` is that of its own error."""

    def __init__(self, recipient: str, question: str, error: str, detail: str = "", exit_code: int = 4) -> None:
        self.recipient, self.question, self.error, self.detail = recipient, question, error, detail
        self.exit_code = exit_code
        super().__init__(f"{recipient} could not answer {question!r}: {error}")


class WrongAnswer(PostdocsError):
    """A service answered with another type than was asked for."""

    def __init__(self, recipient: str, expected: str, got: str) -> None:
        self.recipient, self.expected, self.got = recipient, expected, got
        super().__init__(f"{recipient} answered with {got}, not {expected}")


class RunUnknown(BadInput):
    """No such run."""

    def __init__(self, run: str, where: str, known: list[str]) -> None:
        self.run = run
        told = f"there are: {', '.join(known)}" if known else "there is none yet"
        super().__init__(f"no run {run!r} in {where} ({told})")
