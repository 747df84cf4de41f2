"""The batch jobs: stages as plain functions, and the Ray Data plans that run them.

Here: what runs over every shard of an archive. Not here: training (`emotionscope.text`, `emotionscope.vision`).
"""
