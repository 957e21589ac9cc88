"""The command line `postdocs`: one command a file, each with its heavy imports inside, so that `--help` is quick."""
