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


def canonical(name: object) -> str:
    """Return the emotion a label names; case and surrounding space do not matter.

    Raises ValueError for anything that names none of the seven.
    """
    text = str(name).strip().lower()
    emotion = ALIASES.get(text, text)
    if emotion not in EMOTIONS:
        raise ValueError(f"{name!r} names none of the emotions {', '.join(EMOTIONS)}")
    return emotion


def canonical_or_none(name: object) -> str | None:
    """As `canonical`, and None for a missing label (None, NaN or blank)."""
    missing = name is None or (isinstance(name, float) and math.isnan(name))
    return None if missing or not str(name).strip() else canonical(name)


def canonical_split(name: object) -> str | None:
    """The split a name means: train, dev or test, or another name without its case and surrounding space.

    None for a missing name (None, NaN or blank).
    """
    if name is None or (isinstance(name, float) and math.isnan(name)):
        return None
    text = str(name).strip().lower()
    return SPLIT_ALIASES.get(text, text) or None


def indices(names: Iterable[object]) -> list[int]:
    """Positions in `EMOTIONS` of the labels named. Raises ValueError as `canonical` does."""
    return [EMOTIONS.index(canonical(name)) for name in names]


def probability_columns(model: str) -> list[str]:
    """Names of a model's seven probability columns in the scores table, in `EMOTIONS` order."""
    return [f"{model}_{emotion}" for emotion in EMOTIONS]
