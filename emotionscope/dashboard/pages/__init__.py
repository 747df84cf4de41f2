"""One file for each page.

Here: what a page shows, from top to bottom. Not here: what several pages share (`emotionscope.dashboard`).
"""
