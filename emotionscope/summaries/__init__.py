"""Summaries of scores and faces by dialogue, speaker, person and span of time, computed by DuckDB in flat memory.

Here: what is counted, and how. Not here: measuring scores against labels (`emotionscope.evaluation`) and the pages.
"""
