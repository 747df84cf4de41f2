"""From a video to the faces worth keeping.

Here: frames, face detection, tracking of people, the keyframes table, and the separate process that decodes.
Not here: what a face expresses (`emotionscope.vision`).
"""
