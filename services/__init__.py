"""What keeps running: bus server, executor, scorer, crew, command line. Starts the rest; nothing imports it."""
