"""What is said: typed messages, subjects, the bus and the journal. Imports nothing else of ours."""
