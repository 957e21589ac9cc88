"""Errors of the protocol: typed attributes, and a message built once that says what to do."""

from __future__ import annotations


class PostdocsError(Exception):
    """Base of all errors that people get to see. `exit_code` is what the command line ends with."""

    exit_code = 4


class BadInput(PostdocsError):
    """What the user gave cannot be used."""

    exit_code = 2


class BusUnavailable(PostdocsError):
    """No NATS server answers."""

    def __init__(self, url: str, reason: str) -> None:
        self.url, self.reason = url, reason
        super().__init__(f"no NATS server at {url} ({reason}): start one with JetStream, or leave out --bus")


class NoAnswer(PostdocsError):
    """Nobody answered in time."""

    def __init__(self, recipient: str, question: str, seconds: float, why: str) -> None:
        self.recipient, self.question, self.seconds, self.why = recipient, question, seconds, why
        super().__init__(f"{recipient} did not answer {question!r} within {seconds:.0f} s ({why})")


class AnswerFailed(PostdocsError):
    """A service answered that it could not."""

    def __init__(self, recipient: str, question: str, error: str, detail: str = "") -> None:
        self.recipient, self.question, self.error, self.detail = recipient, question, error, detail
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
