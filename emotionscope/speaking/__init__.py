"""Who of the people in the picture speaks, by how their mouths move with the sound.

Here: LR-ASD (Liao et al., IJCV 2025), and the crops and the sound features that it reads. Not here: finding and
following faces (`emotionscope.video`), and which person is then taken to speak (`emotionscope.vision.pooling`).

A film that is dubbed or told by a narrator, or that has no sound, shows nobody who speaks: the sound does not fit the
mouths, all probabilities stay low, and the speaker is unknown.
"""
