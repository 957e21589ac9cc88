"""The bundle of a run: what rebuilds the model that ships, without the crew, a mind or a key, and scores it again.

`write` makes it (the scorer alone, since the test split goes into it); `rerun` rebuilds, scores and compares, called by
`bundle/run.sh` and by `postdocs verify`.
"""
