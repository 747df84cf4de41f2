"""Files on local disk and in S3, by their URI.

Here: names, reading, listing, writing whole or once. Not here: what a file holds.
"""
