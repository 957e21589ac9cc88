"""Work on rows in a process of its own, which is killed when it takes too long and has no secrets in its environment: a
pattern that a mind wrote may take for ever on a stranger's row, and so may a metric.

run.py     asks the process, and waits
child.py   what the process does
work.py    what they tell each other
"""

from tools.apart.run import filtered, verified

__all__ = ["filtered", "verified"]
