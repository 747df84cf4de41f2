"""The vision model.

Here: ResNet-18 over one face, its preprocessing, training and saliency maps.
Not here: finding faces (`emotionscope.video`).
"""
