"""The label of a face as a distribution over the seven emotions, from one name or from the votes of several people.

Votes are counts or probabilities in columns named after the emotions, as in FER+ (Barsoum et al. 2016).
"""

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from emotionscope.labels import EMOTIONS, canonical, left_out

# Columns of FER+ that stand for none of the seven, by the names that data sets give them.
NONE_OF_THEM = frozenset({"contempt", "unknown", "not_a_face", "not a face", "nf"})


def vote_columns(names: Iterable[str]) -> dict[str, str]:
    """The columns that hold votes, each with what it stands for: an emotion, or ``""`` for none of the seven.

    Empty unless every one of the seven has exactly one column.
    """
    found: dict[str, str] = {}
    for name in names:
        if name.strip().lower() in NONE_OF_THEM:
            found[name] = ""
            continue
        emotion = canonical(name)
        if emotion:
            found[name] = emotion
    emotions = [emotion for emotion in found.values() if emotion]
    return found if sorted(emotions) == list(EMOTIONS) else {}


def target(row: Mapping[str, Any], columns: Mapping[str, str]) -> tuple[np.ndarray | None, str]:
    """A row's label as float32 [7], sum 1, in `EMOTIONS` order; or None, and why the row is of no use.

    `columns` are those of `vote_columns`. Votes come first, and the column ``emotion`` serves where a row has none. A
    face is left out where as many people saw something else, or no face, as saw its likeliest emotion.
    """
    votes = np.zeros(len(EMOTIONS), np.float32)
    others = 0.0
    for column, emotion in columns.items():
        value = float(row[column] or 0)
        if not 0 <= value < np.inf:
            return None, f"vote {value:g}"
        if emotion:
            votes[EMOTIONS.index(emotion)] += value
        else:
            others = max(others, value)
    if votes.any() or others:
        return (votes / votes.sum(), "") if votes.max() > others else (None, "none of the seven emotions")
    label = canonical(row.get("emotion"))
    if label is None:
        return None, left_out(row.get("emotion"))
    return np.eye(len(EMOTIONS), dtype=np.float32)[EMOTIONS.index(label)], ""
