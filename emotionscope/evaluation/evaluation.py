"""Computes the report's figures: how good the three models are on a labelled scores table."""

from collections import Counter

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from emotionscope import metrics
from emotionscope.errors import UserError, commonest
from emotionscope.evaluation.figures import (
    Difference,
    EmotionFigures,
    Figures,
    Floor,
    Group,
    Headline,
    Measured,
    Mistake,
    ModelFigures,
    ReliabilityBin,
    RowCounts,
    SameRows,
)
from emotionscope.evaluation.rows import LabelledRows, choose_split, labelled
from emotionscope.labels import EMOTIONS, MODELS

SPEAKERS = 10  # shown, those with the most rows
MISTAKES = 20  # shown, the most confident
THIN = 30  # rows; a smaller group is shown in grey
LENGTHS = ((1, 2), (3, 5), (6, 10), (11, 20), (21, None))  # words of an utterance, both ends included


def evaluate(table: pa.Table, split: str | None = None, resamples: int = metrics.RESAMPLES) -> Figures:
    """All figures of a scores table's labelled rows, or of those in one split.

    A model is measured on the rows it answered, and once more on the rows that all models answered (``same_rows``),
    where they compare fairly. Without `split`, split test is taken where there is one, else every row. Intervals are
    95% bootstrap intervals of weighted F1. Raises UserError where the split is not there or no row has a label.
    """
    rows, without_label = labelled(table)
    split = choose_split(table, split)
    splits = rows.splits()
    here = rows.where(splits == split) if split is not None else rows
    if not len(here):
        where = f"of split {split!r} " if split is not None else ""
        raise UserError(f"no row {where}has a label (column emotion), so there is nothing to measure against")
    models = [model for model in MODELS if here.answered(model).any()]
    if not models:
        raise UserError("no labelled row has a score of any model")
    others = sorted({name for name in splits if name not in (None, split)}) if split is not None else []
    return Figures(
        split=split,
        rows=RowCounts(len(table), len(here), dict(commonest(without_label))),
        bundle=sorted({version for version in here.strings("bundle") if version is not None}),
        errors=dict(Counter(str(e).split(":")[0] for e in here.strings("error") if e is not None).most_common()),
        support={emotion: int((here.truth == index).sum()) for index, emotion in enumerate(EMOTIONS)},
        floor=_floor(here.truth),
        models={model: _model(here, model, resamples) for model in models},
        same_rows=_same_rows(here, models, resamples),
        by_faces=_by_faces(here),
        by_speaker=_by_speaker(here),
        by_length=_by_length(here),
        other_splits={name: _group(rows.where(splits == name)) for name in others},
        mistakes=_mistakes(here, models[-1]),
    )


def _floor(truth: npt.NDArray[np.int64]) -> Floor:
    emotion = metrics.most_frequent(truth)
    figures = metrics.always(emotion, truth)
    return Floor(emotion, int(figures["n"]), figures["weighted_f1"], figures["macro_f1"], accuracy=figures["accuracy"])


def _headline(rows: LabelledRows, model: str) -> Headline:
    figures = metrics.headline(rows.truth, rows.probabilities[model])
    return Headline(
        n=int(figures["n"]),
        weighted_f1=figures["weighted_f1"],
        macro_f1=figures["macro_f1"],
        accuracy=figures["accuracy"],
        expected_calibration_error=figures["expected_calibration_error"],
    )


def _interval(resampled: npt.NDArray[np.float64]) -> tuple[float, float]:
    low, high = metrics.interval(resampled)
    return low, high


def _model(rows: LabelledRows, model: str, resamples: int) -> ModelFigures:
    """Everything about one model on the rows it answered."""
    rows = rows.where(rows.answered(model))
    probabilities = rows.probabilities[model]
    counts = metrics.confusion(rows.truth, probabilities)
    emotions = metrics.per_emotion(rows.truth, probabilities)
    return ModelFigures(
        **vars(_headline(rows, model)),
        weighted_f1_interval=_interval(metrics.bootstrap(rows.truth, {model: probabilities}, resamples)[model]),
        floor=_floor(rows.truth),
        per_emotion={
            name: EmotionFigures(row["precision"], row["recall"], row["f1"], int(row["support"]))
            for name, row in emotions.items()
        },
        confusion={
            true: dict(zip(EMOTIONS, map(int, line), strict=True)) for true, line in zip(EMOTIONS, counts, strict=True)
        },
        reliability=[
            ReliabilityBin(bin_["low"], bin_["high"], int(bin_["n"]), bin_["confidence"], bin_["accuracy"])
            for bin_ in metrics.calibration(rows.truth, probabilities)[1]
        ],
    )


def _same_rows(rows: LabelledRows, models: list[str], resamples: int) -> SameRows:
    """The models on the rows that all of them answered, and fused against each of the others."""
    rows = rows.where(np.all([rows.answered(model) for model in models], axis=0))
    if not len(rows):
        return SameRows(0, None, {}, {})
    resampled = metrics.bootstrap(rows.truth, {model: rows.probabilities[model] for model in models}, resamples)
    figures = {
        model: Measured(**vars(_headline(rows, model)), weighted_f1_interval=_interval(resampled[model]))
        for model in models
    }
    differences = {
        f"fused - {model}": Difference(
            figures["fused"].weighted_f1 - figures[model].weighted_f1,
            _interval(resampled["fused"] - resampled[model]),
        )
        for model in models
        if model != "fused" and "fused" in models
    }
    return SameRows(len(rows), _floor(rows.truth), figures, differences)


def _group(rows: LabelledRows) -> Group:
    answered = {model: rows.where(rows.answered(model)) for model in MODELS}
    return Group(len(rows), {model: _headline(each, model) for model, each in answered.items() if len(each)})


def _by_faces(rows: LabelledRows) -> dict[str, Group]:
    if "face_count" not in rows.table.column_names:
        return {}
    seen = np.array([(count or 0) > 0 for count in rows.integers("face_count")])
    groups = {"with faces": rows.where(seen), "without faces": rows.where(~seen)}
    return {name: _group(group) for name, group in groups.items() if len(group)}


def _by_speaker(rows: LabelledRows) -> dict[str, Group]:
    speakers = np.array([speaker or "" for speaker in rows.strings("speaker")], dtype=object)
    common = Counter(speaker for speaker in speakers if speaker).most_common(SPEAKERS)
    return {name: _group(rows.where(speakers == name)) for name, _ in common}


def _by_length(rows: LabelledRows) -> dict[str, Group]:
    if "utterance" not in rows.table.column_names:
        return {}
    words = np.array([len((utterance or "").split()) for utterance in rows.strings("utterance")])
    groups = {"no text": rows.where(words == 0)}
    for low, high in LENGTHS:
        name = f"{low}–{high} words" if high else f"{low}+ words"
        groups[name] = rows.where((words >= low) & (words <= (high or np.inf)))
    return {name: _group(group) for name, group in groups.items() if len(group)}


def _mistakes(rows: LabelledRows, model: str) -> list[Mistake]:
    """The wrong answers of one model with the highest probability; mistakes that repeat stand once."""
    rows = rows.where(rows.answered(model))
    probabilities = rows.probabilities[model]
    answers = probabilities.argmax(axis=1)
    wrong = np.flatnonzero(answers != rows.truth)
    wrong = wrong[np.argsort(-probabilities[wrong].max(axis=1), kind="stable")]
    dialogues, utterances, speakers, texts = (
        rows.strings("dialogue_id"),
        rows.integers("utterance_id"),
        rows.strings("speaker"),
        rows.strings("utterance"),
    )
    alike: dict[tuple[object, ...], list[int]] = {}
    for row in map(int, wrong):
        text = " ".join((texts[row] or "").lower().split())
        # Rows without text have nothing in common.
        alike.setdefault((text or row, rows.truth[row], answers[row]), []).append(row)
    answered = {each: rows.answered(each) for each in MODELS}
    return [
        Mistake(
            dialogue_id=dialogues[row],
            utterance_id=utterances[row],
            speaker=speakers[row],
            utterance=texts[row],
            emotion=EMOTIONS[rows.truth[row]],
            model=model,
            probability=float(probabilities[row].max()),
            answers={
                each: EMOTIONS[rows.probabilities[each][row].argmax()] if answered[each][row] else None
                for each in MODELS
            },
            times=len(same),
        )
        for same in list(alike.values())[:MISTAKES]
        for row in same[:1]
    ]
