"""The tables, as Parquet datasets.

Here: their contracts, checking and reading them, their manifest. Not here: how a run makes one (`emotionscope.runs`).
"""
