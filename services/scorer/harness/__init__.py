"""Benchmarks of others: each evaluation is a process of its own, asked by a JSON file and answering by one.

`ask` makes the request and reads the reply, `process` starts and bounds the process, `runner` is what runs in it, and
`command` is the same for a program of the user's.
"""
