"""Sizing: will a training fit on a GPU, how is it set up there, and how long does it take?

`architecture` counts parameters, `memory` adds up what a training holds, `fit` looks for the cheapest set-up that
fits, `hours` gives time and cost. All of them are pure; `lookup` finds a model's config, `tool` is what minds use.
"""
