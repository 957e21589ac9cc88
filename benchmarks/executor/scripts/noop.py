"""Never run: jobs of the queue's own measurement do nothing."""
