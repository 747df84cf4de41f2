"""How good the three models are on a labelled scores table: every figure of the report, as one JSON-able value."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from emotionscope import metrics
from emotionscope.errors import UserError
from emotionscope.io.tables import KEY, filled
from emotionscope.labels import EMOTIONS, MODELS, canonical_or_none, probability_columns

SPEAKERS = 10  # shown, those with the most rows
MISTAKES = 20  # shown, the most confident
LENGTHS = ((1, 2), (3, 5), (6, 10), (11, 20), (21, None))  # words of an utterance, both ends included

# What `evaluate` reads of a scores table.
COLUMNS = (
    *(*KEY, "utterance", "speaker", "emotion", "split", "faces", "error", "bundle"),
    *(name for model in MODELS for name in probability_columns(model)),
)

Probabilities = Mapping[str, np.ndarray]


@dataclass(frozen=True)
class _Rows:
    """Labelled rows: truth int [n], probabilities float [n, 7] of each model (NaN where it has none), other columns."""

    truth: np.ndarray
    probabilities: dict[str, np.ndarray]
    table: pa.Table

    def __len__(self) -> int:
        return len(self.truth)

    def where(self, mask: np.ndarray) -> "_Rows":
        chosen = {model: values[mask] for model, values in self.probabilities.items()}
        return _Rows(self.truth[mask], chosen, self.table.filter(pa.array(mask)))

    def answered(self, model: str) -> np.ndarray:
        """Whether the model gave a score, bool [n]."""
        return ~np.isnan(self.probabilities[model]).any(axis=1)

    def column(self, name: str) -> list[Any]:
        return filled(self.table, name, pa.string()).to_pylist()


def evaluate(table: pa.Table, split: str | None = None, resamples: int = metrics.RESAMPLES) -> dict[str, Any]:
    """All figures of a scores table's labelled rows, or of those in one split.

    A model is measured on the rows it answered, and once more on the rows that all models answered (``same_rows``),
    where they compare fairly. Without `split`, split test is taken where there is one, else every row. Intervals are
    95% bootstrap intervals of weighted F1. Raises UserError where the split is not there or no row has a label.
    """
    splits = filled(table, "split", pa.string()).to_pylist()
    if split is None and "test" in splits:
        split = "test"
    if split is not None and split not in splits:
        raise UserError(f"no row of split {split!r}; there are {', '.join(sorted({str(s) for s in splits}))}")
    rows, left_out = _labelled(table)
    inside = (
        np.array([s == split for s in rows.column("split")], dtype=bool)
        if split is not None
        else np.full(len(rows), True)
    )
    here = rows.where(inside)
    if not len(here):
        where = f"of split {split!r} " if split is not None else ""
        raise UserError(f"no row {where}has a label (column emotion), so there is nothing to measure against")
    models = [model for model in MODELS if here.answered(model).any()]
    if not models:
        raise UserError("no labelled row has a score of any model")
    other = sorted({s for s in rows.column("split") if s not in (None, split)}) if split is not None else []
    return {
        "split": split,
        "rows": {"table": len(table), "labelled": len(here), "left_out": left_out},
        "bundle": sorted({version for version in here.column("bundle") if version is not None}),
        "errors": dict(Counter(str(e).split(":")[0] for e in here.column("error") if e is not None).most_common()),
        "support": {emotion: int((here.truth == index).sum()) for index, emotion in enumerate(EMOTIONS)},
        "floor": _floor(here.truth),
        "models": {model: _model(here, model, resamples) for model in models},
        "same_rows": _same_rows(here, models, resamples),
        "by_faces": _by_faces(here),
        "by_speaker": _by_speaker(here),
        "by_length": _by_length(here),
        "other_splits": {
            name: _brief(rows.where(np.array([s == name for s in rows.column("split")]))) for name in other
        },
        "mistakes": _mistakes(here, models[-1]),
    }


def _labelled(table: pa.Table) -> tuple[_Rows, dict[str, int]]:
    """The rows that have a label, and how many have not, by reason."""
    missing = [name for model in MODELS for name in probability_columns(model) if name not in table.column_names]
    if missing:
        raise UserError(f"not a scores table, it lacks the column {missing[0]}")
    truth, left_out = [], Counter[str]()
    for name in filled(table, "emotion", pa.string()).to_pylist():
        try:
            emotion = canonical_or_none(name)
        except ValueError:
            emotion = None
            left_out[f"label {name}"] += 1
        else:
            left_out["no label"] += emotion is None
        truth.append(EMOTIONS.index(emotion) if emotion else -1)
    probabilities = {
        model: np.stack([table[name].to_numpy().astype(np.float64) for name in probability_columns(model)], axis=1)
        for model in MODELS
    }
    everything = _Rows(np.array(truth, dtype=np.int64), probabilities, table)
    return everything.where(everything.truth >= 0), {reason: count for reason, count in left_out.items() if count}


def _floor(truth: np.ndarray) -> dict[str, Any]:
    emotion = metrics.most_frequent(truth)
    return {"emotion": emotion, **metrics.always(emotion, truth)}


def _model(rows: _Rows, model: str, resamples: int) -> dict[str, Any]:
    """Everything about one model on the rows it answered."""
    rows = rows.where(rows.answered(model))
    probabilities = rows.probabilities[model]
    counts = metrics.confusion(rows.truth, probabilities)
    return {
        **metrics.headline(rows.truth, probabilities),
        "weighted_f1_interval": metrics.interval(
            metrics.bootstrap(rows.truth, {model: probabilities}, resamples)[model]
        ),
        "floor": _floor(rows.truth),
        "per_emotion": metrics.per_emotion(rows.truth, probabilities),
        "confusion": {
            true: dict(zip(EMOTIONS, map(int, line), strict=True)) for true, line in zip(EMOTIONS, counts, strict=True)
        },
        "reliability": metrics.calibration(rows.truth, probabilities)[1],
    }


def _same_rows(rows: _Rows, models: list[str], resamples: int) -> dict[str, Any]:
    """The models on the rows that all of them answered, and fused against each of the others."""
    rows = rows.where(np.all([rows.answered(model) for model in models], axis=0))
    if not len(rows):
        return {"n": 0, "models": {}, "differences": {}}
    resampled = metrics.bootstrap(rows.truth, {model: rows.probabilities[model] for model in models}, resamples)
    figures: dict[str, dict[str, Any]] = {
        model: {
            **metrics.headline(rows.truth, rows.probabilities[model]),
            "weighted_f1_interval": metrics.interval(resampled[model]),
        }
        for model in models
    }
    differences = {
        f"fused - {model}": {
            "weighted_f1": figures["fused"]["weighted_f1"] - figures[model]["weighted_f1"],
            "interval": metrics.interval(resampled["fused"] - resampled[model]),
        }
        for model in models
        if model != "fused" and "fused" in models
    }
    return {"n": len(rows), "floor": _floor(rows.truth), "models": figures, "differences": differences}


def _brief(rows: _Rows) -> dict[str, Any]:
    """Rows, and of each model the rows it answered and its headline figures on them."""
    figures = {}
    for model in MODELS:
        answered = rows.where(rows.answered(model))
        if len(answered):
            figures[model] = metrics.headline(answered.truth, answered.probabilities[model])
    return {"n": len(rows), "models": figures}


def _by_faces(rows: _Rows) -> dict[str, Any]:
    if "faces" not in rows.table.column_names:
        return {}
    seen = np.array([(count or 0) > 0 for count in rows.column("faces")])
    groups = {"with faces": rows.where(seen), "without faces": rows.where(~seen)}
    return {name: _brief(group) for name, group in groups.items() if len(group)}


def _by_speaker(rows: _Rows) -> dict[str, Any]:
    speakers = np.array([speaker or "" for speaker in rows.column("speaker")], dtype=object)
    common = Counter(speaker for speaker in speakers if speaker).most_common(SPEAKERS)
    return {name: _brief(rows.where(speakers == name)) for name, _ in common}


def _by_length(rows: _Rows) -> dict[str, Any]:
    if "utterance" not in rows.table.column_names:
        return {}
    words = np.array([len((utterance or "").split()) for utterance in rows.column("utterance")])
    groups = {"no text": rows.where(words == 0)}
    for low, high in LENGTHS:
        name = f"{low}–{high} words" if high else f"{low}+ words"
        groups[name] = rows.where((words >= low) & (words <= (high or np.inf)))
    return {name: _brief(group) for name, group in groups.items() if len(group)}


def _mistakes(rows: _Rows, model: str) -> list[dict[str, Any]]:
    """The wrong answers of one model that it was surest of, with what the others said."""
    rows = rows.where(rows.answered(model))
    probabilities = rows.probabilities[model]
    wrong = np.flatnonzero(probabilities.argmax(axis=1) != rows.truth)
    worst = wrong[np.argsort(-probabilities[wrong].max(axis=1), kind="stable")][:MISTAKES]
    columns = {name: rows.column(name) for name in (*KEY, "speaker", "utterance")}
    return [
        {
            **{name: values[row] for name, values in columns.items()},
            "emotion": EMOTIONS[rows.truth[row]],
            "model": model,
            "probability": float(probabilities[row].max()),
            "answers": {
                each: EMOTIONS[rows.probabilities[each][row].argmax()] if rows.answered(each)[row] else None
                for each in MODELS
            },
        }
        for row in worst
    ]
