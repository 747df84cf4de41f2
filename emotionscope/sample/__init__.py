"""The drawn sample: a synthetic archive in the layout of MELD, with its own actors, lines and videos.

Here: everything that draws it. Not here: anything that reads it, which is the code that reads MELD.
"""
