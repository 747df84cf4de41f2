"""Drift: how far one archive's scores have moved from another's, by population stability indices and in words."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from emotionscope.errors import UserError
from emotionscope.labels import MODELS, probability_columns
from emotionscope.profile import KNOWN, Profile, profile, total
from emotionscope.runs import shards
from emotionscope.storage.place import Place
from emotionscope.tables import datasets, manifest
from emotionscope.tables.datasets import Dataset

ROWS = 100_000  # read at a time
RESAMPLES = 2000
SMOOTHING = 0.5  # rows added to each group, so that an empty one gives no infinite index
SMALL, LARGE = 0.1, 0.25  # below, nothing moved; above, much did (Siddiqi 2006)
TOLD = 0.02  # share of rows by which a group must have moved to be told of


@dataclass(frozen=True)
class Drift:
    """How far one property moved: its population stability index with a 95% interval, and each group's shares.

    `before` and `after` are shares of rows by group, in 0..1.
    """

    name: str
    index: float
    interval: tuple[float, float]
    before: dict[str, float]
    after: dict[str, float]

    @property
    def verdict(self) -> str:
        """In a word, by the lower end of the interval: chance alone is no drift."""
        low = self.interval[0]
        return "much" if low > LARGE else "some" if low > SMALL else "none"

    def words(self) -> str:
        """The groups that moved most, such as "anger rose from 8% to 19%"."""
        moves = sorted(self.before, key=lambda group: -abs(self.after[group] - self.before[group]))
        told = [
            f"{group} {'rose' if self.after[group] > self.before[group] else 'fell'} "
            f"from {self.before[group]:.0%} to {self.after[group]:.0%}"
            for group in moves[:3]
            if abs(self.after[group] - self.before[group]) >= TOLD
        ]
        return ", ".join(told) or "no group moved by 2% of the rows"


def profiles_of(uri: str) -> list[Profile]:
    """The profile of each run that made a scores table; of the whole table where no summary tells its runs."""
    uri = Place(uri)
    try:
        found = manifest.read(uri)
    except UserError:  # of an earlier version: the rows themselves tell
        found = None
    if found and found.job == "score":
        return [run.profile for run in found.runs]
    return [_read(datasets.open_dataset(uri, "scores"))]


def _read(scores: Dataset) -> Profile:
    """The profile of a whole scores table, read a piece at a time."""
    names = [
        "utterance",
        "face_count",
        KNOWN,
        *(name for model in MODELS for name in (f"{model}_emotion", *probability_columns(model))),
    ]
    schema = pa.schema([field for field in scores.schema if field.name in names])
    return total(profile(shards.read(shard, schema)) for shard in shards.cut(scores, ROWS))


def compare(reference: Profile, current: Profile, seed: int = 0) -> list[Drift]:
    """How far each property of `current` moved from `reference`, the farthest first.

    The index is ``sum((q - p) * log(q / p))`` over a property's groups, p and q being their shares of rows, less what
    chance alone gives between samples of these sizes. Its interval comes from resampling both sides' rows (Efron
    1979), which brings as much chance again. Properties that one side has no row of are left out.
    Raises UserError where none is left.
    """
    generator = np.random.default_rng(seed)
    found = list(_compare(reference, current, generator))
    if not found:
        raise UserError("the two have nothing in common that could be compared: one has no scored row")
    return sorted(found, key=lambda drift: -drift.index)


def _compare(reference: Profile, current: Profile, generator: np.random.Generator) -> Iterator[Drift]:
    for name, groups in reference.items():
        names = [*groups, *(group for group in current.get(name, {}) if group not in groups)]
        before, after = _counts(groups, names), _counts(current.get(name, {}), names)
        if not before.sum() or not after.sum():
            continue
        drawn = [
            generator.multinomial(int(counts.sum()), counts / counts.sum(), RESAMPLES) for counts in (before, after)
        ]
        chance = (len(names) - 1) * (1 / before.sum() + 1 / after.sum())
        index = max(0.0, float(_index(before, after)) - chance)
        low, high = np.maximum(0, np.percentile(_index(drawn[0], drawn[1]), (2.5, 97.5)) - 2 * chance)
        shares = [dict(zip(names, (counts / counts.sum()).tolist(), strict=True)) for counts in (before, after)]
        yield Drift(name, index, (float(low), float(high)), shares[0], shares[1])


def _counts(groups: Mapping[str, int], names: list[str]) -> NDArray[np.float64]:
    return np.array([groups.get(name, 0) for name in names], dtype=np.float64)


def _index(before: NDArray[np.generic], after: NDArray[np.generic]) -> NDArray[np.float64]:
    """The index over the last axis of counts [..., groups]."""
    p, q = (
        (counts + SMOOTHING) / (counts + SMOOTHING).sum(axis=-1, keepdims=True)
        for counts in (np.asarray(before, np.float64), np.asarray(after, np.float64))
    )
    return np.asarray(((q - p) * np.log(q / p)).sum(axis=-1))
