"""Who of the people in the picture speaks, by how their mouths move with the sound.

Here: LR-ASD (Liao et al., IJCV 2025), the crops and the sound features that it reads, and the rule that names a
speaker. Not here: finding and following faces (`emotionscope.video`), and what is said or felt.

A film that is dubbed or told by a narrator, or that has no sound, shows nobody who speaks: the sound does not fit the
mouths, all probabilities stay low, and the speaker is unknown.
"""
