"""Scripts that write training rows, run for the Data Curator: in a sandbox without network, beside the jobs that run.

service.py    answers `generate_request` on the bus
inside.py     what the script's process does: its standard output becomes a file
"""
