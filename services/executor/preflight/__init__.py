"""Whether a job is fit to be queued: looked at and tried in a sandbox, warm, beside the jobs that run.

service.py    answers `preflight_request`, `signature_request` and `library_source_request` on the bus
trial.py      one process in a sandbox on this machine's CPU, from its start to its end
inside.py     what that process does: the checks, then the script itself on a slice
parse, lint, arguments, config_keys, columns, smoke     a check each
small.py      the slice, and a config for two steps of it
shrink.py     a small model of the kind of a large one
script.py · names.py     a script as the checks read it; names of the installed libraries
signature.py  what a name of them takes
source.py     where their sources say something, and the lines around it
"""
