"""How a run takes an output folder, fills it exactly once, and is resumed.

Here: claims, shards, outputs and the log. Not here: what a row means to a model.
"""
