"""The pages in the browser: an archive of scores, one dialogue, your own sentence or clip, and the models.

Here: the pages, their charts and their queries. Not here: the report, which is a file (`emotionscope.evaluation`).
"""

MEGABYTES = 100  # of an upload, at most
