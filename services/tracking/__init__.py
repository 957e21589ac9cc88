"""Tracking: a run's jobs in Trackio, in Weights & Biases, in both or in none. A run is a project, a job is a run.

Jobs are sandboxed and hold no secrets, so nothing of this happens inside them: the tracker is a process beside them,
started by the launcher, and a projection of the journal like every other view. It begins each time at the journal's
beginning and writes what is not there yet, so it may die and be started again, and never doubles a step. A tracker
that cannot write says so once in the journal, and the run goes on without.

What a job's script itself reports (`report_to: trackio` or `wandb` in its config) stays in the job's folder.
"""
