"""The dry run: whether a task could run, and what would come of it, without starting or writing anything.

findings.py   what it says
rows.py       the data: what is here is read, what is on the Hub is asked for
base.py       the base model's shape
set_up.py     minds, keys, workers, backend, the machine
plan.py       floor and ladders, by the crew's own clock and strategies
sizes.py      whether each strategy's job fits its GPU, and how long a pass takes
dry_run.py    all of it in order
told.py       in words
"""
