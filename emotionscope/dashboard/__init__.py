"""The pages for analysts: what is in an archive of scores, one dialogue, one's own sentence or clip, and the models."""

MEGABYTES = 100  # of an upload, at most
