"""Other people's files to a dialogues table.

Here: one module for each source (a MELD release, a folder of videos), and the transcripts it may come with. Not here:
decoding (`emotionscope.video`) and the scoring.
"""
