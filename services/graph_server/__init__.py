"""The graph server: a service that one leaves running, which starts runs that are handed to it and keeps them going.

    postdocs run task.yaml --detach --bus nats://host:4222        hands one over and returns its id
    python -m services.graph_server --runs-dir runs               the service

Each run is a process of its own (`one_run`, which is the launcher: state machine, scorer and, unless the roles are
shared, crew). One that dies is started again; a server that is started again resumes what had not ended. The run's
journal is on the bus, so whatever else one wants of a run (watch, show, report, tell, cancel) goes through that
journal and not through this server. LangGraph's own server, for Studio, holds the same graph another way.
"""
