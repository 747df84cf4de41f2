"""The rows that figures are made of: labels, probabilities and splits of a scores table."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from emotionscope.errors import UserError
from emotionscope.labels import EMOTIONS, MODELS, canonical, canonical_split, left_out, probability_columns
from emotionscope.tables.contracts import KEY
from emotionscope.tables.datasets import column_or_nulls

UNLABELLED = -1  # in `LabelledRows.truth`

# What `evaluate` reads of a scores table.
COLUMNS = (
    *(*KEY, "utterance", "speaker", "emotion", "split", "face_count", "error", "bundle"),
    *(name for model in MODELS for name in probability_columns(model)),
)

Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class LabelledRows:
    """Rows of a scores table: truth int [n] (`UNLABELLED` where there is no label), probabilities float [n, 7] of each
    model (NaN where it has none), and the table with its other columns.
    """

    truth: npt.NDArray[np.int64]
    probabilities: Mapping[str, npt.NDArray[np.float64]]
    table: pa.Table

    def __len__(self) -> int:
        return len(self.truth)

    def where(self, mask: Mask) -> "LabelledRows":
        """The rows where bool [n] is true."""
        chosen = {model: values[mask] for model, values in self.probabilities.items()}
        return LabelledRows(self.truth[mask], chosen, self.table.filter(pa.array(mask)))

    def answered(self, model: str) -> Mask:
        """Whether the model gave a score, bool [n]."""
        return np.asarray(~np.isnan(self.probabilities[model]).any(axis=1), dtype=bool)

    def strings(self, name: str) -> list[str | None]:
        """A column as text; nulls where the table lacks it."""
        values: list[str | None] = column_or_nulls(self.table, name, pa.string()).cast(pa.string()).to_pylist()
        return values

    def integers(self, name: str) -> list[int | None]:
        """An integer column; nulls where the table lacks it."""
        values: list[int | None] = column_or_nulls(self.table, name, pa.int64()).to_pylist()
        return values

    def splits(self) -> npt.NDArray[np.object_]:
        """Each row's split by its canonical name, object [n]."""
        return np.array([canonical_split(name) for name in self.strings("split")], dtype=object)


def choose_split(table: pa.Table, wanted: str | None) -> str | None:
    """The split to measure by its canonical name; None for all rows. Raises UserError where no row is in it."""
    column = column_or_nulls(table, "split", pa.string()).cast(pa.string()).unique().to_pylist()
    there = {canonical_split(name) for name in column}
    if wanted is None:
        return "test" if "test" in there else None
    split = canonical_split(wanted)
    if split is None or split not in there:
        known = ", ".join(sorted(name for name in there if name is not None)) or "none"
        raise UserError(f"no row of split {wanted!r}; there are {known}")
    return split


def labelled(table: pa.Table) -> tuple[LabelledRows, dict[str, int]]:
    """The rows that have a label, and how many have not, by reason. Raises UserError for another kind of table."""
    everything, without_label = labelled_or_not(table)
    return everything.where(everything.truth != UNLABELLED), without_label


def labelled_or_not(table: pa.Table) -> tuple[LabelledRows, dict[str, int]]:
    """All rows, and how many have no label, by reason. Raises UserError for another kind of table."""
    missing = [name for model in MODELS for name in probability_columns(model) if name not in table.column_names]
    if missing:
        raise UserError(f"not a scores table, it lacks the column {missing[0]}")
    truth, without_label = [], Counter[str]()
    for label in column_or_nulls(table, "emotion", pa.string()).to_pylist():
        emotion = canonical(label)
        if emotion is None:
            without_label[left_out(label)] += 1
        truth.append(EMOTIONS.index(emotion) if emotion else UNLABELLED)
    probabilities = {
        model: np.stack([table[name].to_numpy().astype(np.float64) for name in probability_columns(model)], axis=1)
        for model in MODELS
    }
    return LabelledRows(np.array(truth, dtype=np.int64), probabilities, table), dict(without_label)
