"""The labelled texts of a dialogues table, by split."""

from collections import Counter
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from emotionscope.errors import UserError
from emotionscope.labels import EMOTIONS, canonical, canonical_split, left_out
from emotionscope.text.blank import has_text


@dataclass(frozen=True)
class LabelledTexts:
    """Texts and their emotions int64 [n], positions in `EMOTIONS`, of each split; rows left out, by their reason."""

    texts: dict[str, list[str]]
    truth: dict[str, NDArray[np.int64]]
    left_out: dict[str, int]


def labelled_texts(table: pa.Table) -> LabelledTexts:
    """Those rows of a table with ``utterance``, ``emotion`` and ``split`` that have all three.

    Raises UserError where a column is missing, or there is no such row in split train.
    """
    missing = [name for name in ("utterance", "emotion", "split") if name not in table.column_names]
    if missing:
        raise UserError(f"training needs the column {', '.join(missing)}")
    texts: dict[str, list[str]] = {}
    truth: dict[str, list[int]] = {}
    without: Counter[str] = Counter()
    columns = (table[name].to_pylist() for name in ("utterance", "emotion", "split"))
    for text, label, name in zip(*columns, strict=True):
        emotion, split = canonical(label), canonical_split(name)
        if emotion is None or split is None or not has_text(text):
            without[left_out(label) if emotion is None else "no split" if split is None else "no text"] += 1
            continue
        texts.setdefault(split, []).append(text)
        truth.setdefault(split, []).append(EMOTIONS.index(emotion))
    if "train" not in texts:
        raise UserError("no row with text and emotion in split 'train', on which the model is fitted")
    return LabelledTexts(texts, {split: np.array(emotions) for split, emotions in truth.items()}, dict(without))
