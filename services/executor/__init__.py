"""The executor: a worker that takes jobs from the queue and runs them in forked, pre-imported processes."""
