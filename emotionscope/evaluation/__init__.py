"""Scores with labels to figures, charts and the HTML report.

Here: what people read about a finished table. Not here: single metrics (`emotionscope.metrics`) and the pages
(`emotionscope.dashboard`).
"""
