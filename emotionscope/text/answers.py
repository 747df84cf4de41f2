"""What a text model says of texts as people have them: some are missing or blank."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from emotionscope.labels import EMOTIONS
from emotionscope.text.blank import has_text
from emotionscope.text.model import TextModel


def probabilities(texts: Sequence[str | None], model: TextModel) -> NDArray[np.float32]:
    """The text model's probabilities float32 [n, 7]; NaN for a text that is missing or blank."""
    result = np.full((len(texts), len(EMOTIONS)), np.nan, dtype=np.float32)
    spoken = [row for row, text in enumerate(texts) if has_text(text)]
    if spoken:
        result[spoken] = model.probabilities([texts[row] or "" for row in spoken])
    return result
