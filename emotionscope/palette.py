"""One colour for each emotion, the same in every picture.

Chosen by a search that keeps any two of them apart (OKLab distance above 0.11 in ordinary sight, protanopia and
deuteranopia, above 0.09 in tritanopia, as simulated by Machado et al. 2009) and seen as marks on a white and on
a near-black page (contrast of 3 to 1). They are for marks: words beside them keep the page's ink.
"""

COLOURS = {
    "anger": "#c90005",
    "disgust": "#2b6d5e",
    "fear": "#aa06b1",
    "joy": "#e66a00",
    "neutral": "#808d92",
    "sadness": "#1d59ff",
    "surprise": "#049bef",
}
