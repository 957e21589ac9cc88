"""The outside world of these tests."""

from tests.tools.outside_world import world

__all__ = ["world"]
