"""What is in a scores table, as counts that add up: so a job's shards can be summed, and two archives compared."""

from collections.abc import Iterable
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from emotionscope.labels import EMOTIONS, MODELS, probability_columns

WORDS = (0, 1, 5, 10, 20, 50)  # where the groups of lengths begin
FACES = (0, 1, 2, 4)
TENTHS = tuple(f"{tenth * 10}–{tenth * 10 + 10}%" for tenth in range(10))

KNOWN = "text_known"  # the column of the shares of known n-grams

# A property of the rows, such as "emotion by text", to the number of rows in each of its groups.
Profile = dict[str, dict[str, int]]


def profile(scores: pa.Table) -> Profile:
    """Count the rows of a scores table by emotion and certainty of each model, agreement, length, faces, known words.

    Rows without an answer of a model are left out of its counts; ``text`` and ``faces`` say how many lack which.
    """
    texts = scores["utterance"] if "utterance" in scores.column_names else pa.nulls(len(scores), pa.string())
    found = {
        **lengths(texts),
        "faces": _grouped(_numbers(scores["face_count"]), FACES),
        "agreement of text and vision": _agreement(scores),
    }
    for model in MODELS:
        columns = [np.asarray(scores[name].cast(pa.float32()).fill_null(np.nan)) for name in probability_columns(model)]
        found |= answers(model, np.stack(columns, axis=1))
    if KNOWN in scores.column_names:
        found["known n-grams"] = _tenths(np.asarray(scores[KNOWN].cast(pa.float32()).drop_null()))
    return found


def lengths(texts: pa.Array | pa.ChunkedArray) -> Profile:
    """Count texts, null or not, by their number of words."""
    return {"words": _grouped(_words(texts), WORDS)}


def answers(model: str, probabilities: NDArray[np.float32]) -> Profile:
    """Count the answers of a model, float [n, 7] in `EMOTIONS` order, by emotion and certainty; not rows of NaN."""
    given = probabilities[~np.isnan(probabilities[:, 0])]
    emotions = np.bincount(given.argmax(axis=1), minlength=len(EMOTIONS))
    return {
        f"emotion by {model}": dict(zip(EMOTIONS, emotions.tolist(), strict=True)),
        f"certainty of {model}": _tenths(given.max(axis=1, initial=0)),
    }


def _tenths(shares: NDArray[np.float32]) -> dict[str, int]:
    counts = np.bincount(np.clip((shares * 10).astype(int), 0, 9), minlength=10)
    return dict(zip(TENTHS, counts.tolist(), strict=True))


def total(profiles: Iterable[Profile]) -> Profile:
    """The sum of profiles."""
    result: Profile = {}
    for one in profiles:
        add(result, one)
    return result


def add(into: Profile, one: Profile) -> None:
    """Add one profile's counts to another's."""
    for name, groups in one.items():
        counts = into.setdefault(name, {})
        for group, count in groups.items():
            counts[group] = counts.get(group, 0) + count


def _words(texts: pa.Array | pa.ChunkedArray) -> np.ndarray[Any, np.dtype[np.int64]]:
    parts = pc.utf8_split_whitespace(pc.utf8_trim_whitespace(pc.fill_null(texts, "")))
    blank = pc.equal(pc.utf8_trim_whitespace(pc.fill_null(texts, "")), "")
    return np.where(np.asarray(blank), 0, np.asarray(pc.list_value_length(parts)))


def _numbers(column: pa.ChunkedArray) -> np.ndarray[Any, np.dtype[np.int64]]:
    return np.asarray(pc.fill_null(column, 0).cast(pa.int64()))


def _grouped(values: np.ndarray[Any, np.dtype[np.int64]], begins: tuple[int, ...]) -> dict[str, int]:
    """Counts by group; a group's name is its first and last value."""
    ends = [*(begin - 1 for begin in begins[1:]), None]
    names = [
        f"{begin} or more" if end is None else str(begin) if begin == end else f"{begin}–{end}"
        for begin, end in zip(begins, ends, strict=True)
    ]
    counts = np.bincount(np.searchsorted(begins, values, side="right") - 1, minlength=len(begins))
    return dict(zip(names, counts.tolist(), strict=True))


def _agreement(scores: pa.Table) -> dict[str, int]:
    alike = _counted(pc.equal(scores["text_emotion"], scores["vision_emotion"]))
    return {"alike": alike.get(True, 0), "apart": alike.get(False, 0)}


def _counted(values: pa.ChunkedArray) -> dict[Any, int]:
    """How often each value that is not null is there."""
    return {each["values"]: each["counts"] for each in pc.value_counts(values.drop_null()).to_pylist()}
