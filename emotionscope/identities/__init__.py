"""The people of an archive: which persons of its films are one, what they are called, and when they are seen.

Here: reading a faces table with embeddings, joining its persons across films, names and corrections. Not here: the
embeddings and their clustering (`emotionscope.recognition`), and who is who within a film (`emotionscope.video`).
"""
