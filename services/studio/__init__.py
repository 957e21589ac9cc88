"""What stands beside LangGraph's server: the bus, and the desk that starts, shows and forks the runs of its graph."""
