"""Other people's files to a dialogues table.

Here: one module for each source, such as a MELD release. Not here: decoding (`emotionscope.video`) and the scoring.
"""
