"""The full screen of `postdocs watch`: one panel a file, each a pure function from a `Frame` to lines of text.

`arrange.py` says which panel stands where, `view.py` draws it on a terminal and takes the keys.
"""
