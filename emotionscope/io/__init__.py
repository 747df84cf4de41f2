"""Files, tables and output folders, on local disk and in S3.

Here: URIs, the contracts of the tables, datasets, shards and the run's log. Not here: what a row means to a model.
"""
