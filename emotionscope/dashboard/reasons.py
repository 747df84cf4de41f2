"""Why the fused model answers as it does: what text and faces each added."""

import numpy as np
import pandas as pd

from emotionscope.fusion import Fusion, Probabilities
from emotionscope.labels import EMOTIONS


def why_fused(fusion: Fusion, text: Probabilities, vision: Probabilities, heard: float) -> str | None:
    """What put the fused answer ahead of the runner-up, in words; None where text or faces are missing.

    `text` and `vision` are float32 [7], NaN where the modality is missing, `heard` as in `Fusion.probabilities`.
    """
    if np.isnan(text[0]) or np.isnan(vision[0]):
        return None
    terms = fusion.terms(text[None], vision[None], [heard])
    second, first = np.argsort(np.sum(list(terms.values()), axis=0)[0])[-2:]
    ahead = {source: float(added[0, first] - added[0, second]) for source, added in terms.items()}
    each = ", ".join(f"{source} {value:+.2f}" for source, value in ahead.items())
    words = f"{EMOTIONS[first]} is ahead of {EMOTIONS[second]} by {sum(ahead.values()):.2f} in log-odds: {each}."
    if first not in (text.argmax(), vision.argmax()):
        words += f" Neither text nor faces alone say {EMOTIONS[first]}; together they do."
    if heard == 0:
        words += " Nobody on screen speaks, so the faces are left out."
    return words


def terms_by_emotion(fusion: Fusion, text: Probabilities, vision: Probabilities, heard: float) -> pd.DataFrame:
    """What text and faces add for each emotion, against the mean over the emotions; a column an emotion."""
    terms = fusion.terms(text[None], vision[None], [heard])
    rows = {source: added[0] - added[0].mean() for source, added in terms.items()}
    return pd.DataFrame({**rows, "sum": sum(rows.values())}, index=list(EMOTIONS)).T
