"""One colour for each emotion, the same in every picture.

Chosen by a search that keeps any two of them apart (OKLab distance above 0.11 in ordinary sight, protanopia and
deuteranopia, above 0.09 in tritanopia, as simulated by Machado et al. 2009) and legible as marks on a white and on
a near-black page. They are for marks: words beside them keep the page's ink.
"""

COLOURS = {
    "anger": "#e60408",
    "disgust": "#0e7f54",
    "fear": "#bf13ab",
    "joy": "#df9314",
    "neutral": "#8e969c",
    "sadness": "#466eff",
    "surprise": "#41aef2",
}
