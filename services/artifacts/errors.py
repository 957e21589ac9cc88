"""What can go wrong with an artifact store, each with what to do about it."""

from __future__ import annotations

from protocol.errors import BadInput, PostdocsError, without_userinfo


class StoreUnusable(BadInput):
    """The store's URL cannot be used on this machine: a driver or the credentials are missing, or it is none."""

    def __init__(self, url: str, why: str) -> None:
        self.url = without_userinfo(url)
        super().__init__(f"the artifact store {self.url} cannot be used: {why}")


class StoreUnavailable(PostdocsError):
    """The store did not do what it was asked; it may later."""

    def __init__(self, url: str, what: str, error: BaseException) -> None:
        self.url = without_userinfo(url)
        super().__init__(f"the artifact store {self.url} failed to {what} ({type(error).__name__}: {error})")


class ArtifactMissing(PostdocsError):
    """Nothing stands in the store under this reference."""

    def __init__(self, url: str, sha256: str) -> None:
        self.url, self.sha256 = without_userinfo(url), sha256
        super().__init__(f"artifact {sha256[:12]} is not in {self.url}: was it put into another store?")


class ArtifactBroken(PostdocsError):
    """What was read is not what its name says."""

    def __init__(self, url: str, sha256: str, got: str) -> None:
        self.url, self.sha256 = without_userinfo(url), sha256
        told = f"artifact {sha256[:12]} in {self.url} is broken (its content is {got[:12]})"
        super().__init__(f"{told}: remove it, and put it there again")


class NotAnArtifact(BadInput):
    """A path that cannot be put into the store."""
