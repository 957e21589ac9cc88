"""Artifacts: models, data and checkpoints in a store that is reached by URL, for machines that share no disk.

    store = Store("s3://bucket/postdocs")      # or hf://buckets/me/name, shared/artifacts, memory://…
    ref = store.put(Path("runs/dates/jobs/sft-1/model"))
    path = store.get(ref)                      # whole and checked, read-only, in this machine's cache

The store is content-addressed: a file lies under the SHA-256 of its content, a folder under that of its manifest,
which lists its files with their hashes and is written last. So nothing in it is ever half written or replaced, what
is there already is not sent again, and what is read is checked against its own name.

How a job travels in a run that has a store:

    graph ──PutArtifacts──▶ service (on the run's machine) ──▶ store     before the job is queued: what it reads
    graph ──job with refs──▶ queue ──▶ worker: courier ◀── store         into the worker's cache, the job told of it
                                       courier ──▶ store                 each newest checkpoint; at the end the model
    graph ──GetArtifact───▶ service ◀── store                            before the model is scored: to its place

The graph decides, and touches no file; one service holds the run's disk, one courier the worker's; a ref goes through
the journal like any other fact. Both questions are asked under an id, so that a graph that died asks for nothing twice.
A worker that sees the run's disk needs none of it, and ignores the refs.
"""
