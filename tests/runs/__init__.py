"""Whole runs, end to end, as a user makes them: the real command line, real processes, real training."""
