"""The seven emotions of MELD, and the names other data sets give them."""

import math
from collections.abc import Iterable

EMOTIONS = ("anger", "disgust", "fear", "joy", "neutral", "sadness", "surprise")
MODELS = ("text", "vision", "fused")

# Contempt (FER+, AffectNet) is missing on purpose: MELD has no such class.
ALIASES = {
    "angry": "anger",
    "disgusted": "disgust",
    "fearful": "fear",
    "happy": "joy",
    "happiness": "joy",
    "sad": "sadness",
    "surprised": "surprise",
}

SPLITS = ("train", "dev", "test")
SPLIT_ALIASES = {"training": "train", "validation": "dev", "valid": "dev", "val": "dev", "testing": "test"}


def canonical(label: object) -> str | None:
    """The emotion a label names; case and surrounding space do not matter.

    None where it is missing (None, NaN or blank) or names none of the seven: every job leaves such rows out and counts
    them by `left_out`.
    """
    text = "" if _is_missing(label) else str(label).strip().lower()
    emotion = ALIASES.get(text, text)
    return emotion if emotion in EMOTIONS else None


def left_out(label: object) -> str:
    """Why a row is left out whose label `canonical` gives None for."""
    return "no emotion" if _is_missing(label) or not str(label).strip() else f"emotion {str(label)[:40]!r}"


def canonical_split(name: object) -> str | None:
    """The split a name means: train, dev or test, or another name without its case and surrounding space.

    None for a missing name (None, NaN or blank).
    """
    text = "" if _is_missing(name) else str(name).strip().lower()
    return SPLIT_ALIASES.get(text, text) or None


def indices(names: Iterable[object]) -> list[int]:
    """Positions in `EMOTIONS` of the classes of a model. Raises ValueError for one that is none of the seven."""
    return [EMOTIONS.index(canonical(name) or str(name)) for name in names]


def _is_missing(value: object) -> bool:
    return value is None or (isinstance(value, float) and math.isnan(value))


def probability_columns(model: str) -> list[str]:
    """Names of a model's seven probability columns in the scores table, in `EMOTIONS` order."""
    return [f"{model}_{emotion}" for emotion in EMOTIONS]
