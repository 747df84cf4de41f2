"""Compares two scores tables of one archive, such as of two bundles: paired figures, and what changed."""

from dataclasses import asdict, dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa

from emotionscope import metrics
from emotionscope.errors import UserError
from emotionscope.evaluation.figures import Difference, Interval
from emotionscope.evaluation.rows import UNLABELLED, LabelledRows, choose_split, labelled_or_not
from emotionscope.labels import EMOTIONS, MODELS
from emotionscope.storage.place import JsonObject
from emotionscope.tables.contracts import KEY

CHANGES = 200  # listed, those where the two differ most


@dataclass(frozen=True)
class Pair:
    """Weighted F1 of one model in both tables on the same `n` labelled rows, and the paired difference."""

    n: int
    before: float
    before_interval: Interval
    after: float
    after_interval: Interval
    difference: Difference


@dataclass(frozen=True)
class Change:
    """An utterance whose fused answer changed; `emotion` is its label, `shift` how far the probabilities moved."""

    dialogue_id: str | None
    utterance_id: int | None
    speaker: str | None
    utterance: str | None
    emotion: str | None
    before: str
    after: str
    shift: float


@dataclass(frozen=True)
class Comparison:
    """Figures of two scores tables on the `rows` that both have.

    `only` counts the rows that one of them lacks. `changed` counts other fused answers; of those with a label,
    `fixed` went from wrong to right and `broken` from right to wrong.
    """

    split: str | None
    bundles: tuple[list[str], list[str]]
    rows: int
    only: tuple[int, int]
    changed: int
    fixed: int
    broken: int
    models: dict[str, Pair]
    changes: list[Change]

    def to_json(self) -> JsonObject:
        """The figures as JSON values."""
        return asdict(self)


def compare(
    before: pa.Table, after: pa.Table, split: str | None = None, resamples: int = metrics.RESAMPLES
) -> Comparison:
    """Compare two scores tables of one archive on the rows that both have; labels and splits are those of `after`.

    Without `split`, split test is taken where there is one, else every row. Intervals are 95% bootstrap intervals,
    those of the differences paired. Raises UserError where the split is not there or the tables share no row.
    """
    split = choose_split(after, split)
    places = _places(before, after)
    shared = np.flatnonzero(places >= 0)
    if not len(shared):
        raise UserError("the two scores tables have no utterance in common")
    (new, _), (old, _) = labelled_or_not(after.take(shared)), labelled_or_not(before.take(places[shared]))
    mask = new.splits() == split if split is not None else np.ones(len(new), dtype=bool)
    new, old = new.where(mask), old.where(mask)
    both = new.answered("fused") & old.answered("fused")
    answers = [np.nan_to_num(rows.probabilities["fused"]).argmax(axis=1) for rows in (old, new)]
    changed = both & (answers[0] != answers[1])
    known = new.truth != UNLABELLED
    return Comparison(
        split=split,
        bundles=(_bundles(old), _bundles(new)),
        rows=len(new),
        only=(len(before) - len(shared), len(after) - len(shared)),
        changed=int(changed.sum()),
        fixed=int((changed & known & (answers[1] == new.truth)).sum()),
        broken=int((changed & known & (answers[0] == new.truth)).sum()),
        models={model: pair for model in MODELS if (pair := _pair(old, new, model, resamples)) is not None},
        changes=_changes(old, new, changed),
    )


def _places(before: pa.Table, after: pa.Table) -> npt.NDArray[np.int64]:
    """For each row of `after` the row of `before` with the same key, int64 [n]; -1 where there is none."""
    frames = [table.select(KEY).to_pandas() for table in (before, after)]
    keys = [pd.MultiIndex.from_frame(frame) for frame in frames]
    if not keys[0].is_unique:
        raise UserError("the scores to compare with have an utterance twice")
    return np.asarray(keys[0].get_indexer(keys[1]), dtype=np.int64)


def _bundles(rows: LabelledRows) -> list[str]:
    return sorted({version for version in rows.strings("bundle") if version is not None})


def _pair(old: LabelledRows, new: LabelledRows, model: str, resamples: int) -> Pair | None:
    mask = old.answered(model) & new.answered(model) & (new.truth != UNLABELLED)
    if not mask.any():
        return None
    truth = new.truth[mask]
    values = {"before": old.probabilities[model][mask], "after": new.probabilities[model][mask]}
    drawn = metrics.bootstrap(truth, values, resamples)
    f1 = {name: float(metrics.weighted_f1(metrics.confusion(truth, rows))) for name, rows in values.items()}
    return Pair(
        n=len(truth),
        before=f1["before"],
        before_interval=_interval(drawn["before"]),
        after=f1["after"],
        after_interval=_interval(drawn["after"]),
        difference=Difference(f1["after"] - f1["before"], _interval(drawn["after"] - drawn["before"])),
    )


def _interval(resampled: npt.NDArray[np.float64]) -> Interval:
    low, high = metrics.interval(resampled)
    return low, high


def _changes(old: LabelledRows, new: LabelledRows, changed: npt.NDArray[np.bool_]) -> list[Change]:
    """The changed rows, those first whose probabilities moved most (total variation, 0 to 1)."""
    moved = np.abs(new.probabilities["fused"] - old.probabilities["fused"]).sum(axis=1) / 2
    rows = np.flatnonzero(changed)
    rows = rows[np.argsort(-moved[rows], kind="stable")][:CHANGES]
    before, after = (each.probabilities["fused"][rows].argmax(axis=1) for each in (old, new))
    told = LabelledRows(new.truth[rows], {}, new.table.take(rows))
    columns = zip(
        told.strings("dialogue_id"), told.integers("utterance_id"), told.strings("speaker"), told.strings("utterance"),
        told.truth, before, after, moved[rows], strict=True,
    )  # fmt: skip
    return [
        Change(
            dialogue_id=dialogue,
            utterance_id=utterance,
            speaker=speaker,
            utterance=text,
            emotion=None if label == UNLABELLED else EMOTIONS[label],
            before=EMOTIONS[first],
            after=EMOTIONS[second],
            shift=float(shift),
        )
        for dialogue, utterance, speaker, text, label, first, second, shift in columns
    ]
