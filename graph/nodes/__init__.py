"""The nodes of the crew's graph, one a file, named after the role that speaks in it."""
