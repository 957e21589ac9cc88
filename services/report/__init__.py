"""The report of a run: its sections from the ledger, one a file, and the two ways in which they are rendered."""
