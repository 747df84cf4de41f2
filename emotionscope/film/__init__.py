"""The answers about one film as pictures, as a page and as files for other programs.

Here: one film's scores and faces, and what is drawn and written of them. Not here: the scoring, the pages in the
browser.
"""
