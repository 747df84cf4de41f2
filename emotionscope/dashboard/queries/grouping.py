"""Emotions counted by any column of the scores, or by the minute, with intervals."""

import math
from dataclasses import dataclass

import numpy as np
import pandas as pd
import pyarrow as pa

from emotionscope.dashboard.queries.archive import Archive
from emotionscope.dashboard.queries.selection import Selection
from emotionscope.labels import EMOTIONS
from emotionscope.metrics import wilson

MINUTE = "minute of the video"
BINS, MINUTES = 12, 240  # of the values of a column of numbers, and of the minutes of a video
FEW = 20  # different whole numbers that each are a group of their own
SIDES = 4  # groups side by side


@dataclass(frozen=True)
class Grouped:
    """Rows by group, side and emotion.

    `table` has the columns place (of the group, from 0), group, side (its name, or empty), emotion, rows, of (rows of
    the group and side), share, and least and most, the bounds of its 95% interval. Of `groups` in all, those with the
    most rows are in it. Where `is_ordered`, the groups stand in the order of their values.
    """

    table: pd.DataFrame
    groups: int
    is_ordered: bool


def axes(archive: Archive) -> list[str]:
    """The columns that rows can be grouped by, and the minute where the scores have times."""
    plain = [field.name for field in archive.dataset.schema if field.name != "utterance" and _is_plain(field.type)]
    return [*([MINUTE] if "start" in archive.columns else []), *plain]


def count(archive: Archive, chosen: Selection, across: str, beside: str | None, most: int) -> Grouped:
    """The chosen rows by `across`, and side by side by the commonest values of `beside`; the `most` common groups."""
    number = across == MINUTE or is_number(archive, across)
    value = _value(archive, across)
    step = _step(archive, chosen, value, MINUTES if across == MINUTE else BINS) if number else None
    group = f"floor({value} / {step!r})" if step else value if number else f"CAST({value} AS VARCHAR)"
    side = f"CAST({archive.scores.column(beside)} AS VARCHAR)" if beside else "''"
    rows = archive.group(chosen, {"value": group, "side": side})
    if beside:
        rows = rows[rows["side"].isin(rows.groupby("side")["rows"].sum().nlargest(SIDES).index)]
    sizes = rows.groupby("value")["rows"].sum()
    kept = sizes.index if number else sizes.nlargest(most).index
    places = {value: place for place, value in enumerate(kept)}
    rows = rows[rows["value"].isin(kept)]
    rows = rows.assign(place=rows["value"].map(places), group=rows["value"].map(lambda each: _name(each, step)))
    return Grouped(_with_shares(rows), len(sizes), number)


def _with_shares(rows: pd.DataFrame) -> pd.DataFrame:
    named = rows.drop_duplicates(["place", "side"])[["place", "group", "side"]]
    every = named.merge(pd.DataFrame({"emotion": EMOTIONS}), how="cross")  # also those that a group never shows
    rows = every.merge(rows[["place", "side", "emotion", "rows"]], how="left").fillna({"rows": 0})
    rows = rows.astype({"rows": int})
    of = rows.groupby(["place", "side"])["rows"].transform("sum")
    least, most = wilson(rows["rows"], of) if len(rows) else (np.empty(0), np.empty(0))
    table = rows.assign(of=of, share=rows["rows"] / of, least=least, most=most)
    columns = ["place", "group", "side", "emotion", "rows", "of", "share", "least", "most"]
    return table[columns].sort_values(["place", "side", "emotion"], ignore_index=True)


def _value(archive: Archive, across: str) -> str:
    """What rows are grouped by, as SQL; no number that is not finite."""
    if across == MINUTE:
        start = archive.scores.column("start")
        return f"CASE WHEN isfinite({start}) THEN {start} / 60 END"
    column = archive.scores.column(across)
    return f"CASE WHEN isfinite(CAST({column} AS DOUBLE)) THEN {column} END" if is_number(archive, across) else column


def _step(archive: Archive, chosen: Selection, value: str, bins: int) -> float | None:
    """The width of the bins that numbers fall into, a round number; None where each value is a group of its own."""
    low, high, different, is_whole = archive.range_of(chosen, value)
    if low is None or high is None or (is_whole and different <= FEW and bins == BINS):
        return None
    if bins == MINUTES and high - low <= MINUTES:
        return 1.0
    wide = max(high - low, 1e-9) / bins
    base = 10.0 ** math.floor(math.log10(wide))
    return float(next(base * factor for factor in (1, 2, 5, 10) if base * factor >= wide))


def _name(value: object, step: float | None) -> str:
    if step is None or not isinstance(value, int | float):
        return f"{value:g}" if isinstance(value, int | float) else str(value)
    return f"{value * step:g}" if step == 1 else f"{value * step:g}–{(value + 1) * step:g}"


def is_number(archive: Archive, name: str) -> bool:
    """Whether a column is one of numbers."""
    kind = archive.dataset.schema.field(name).type
    return bool(pa.types.is_integer(kind) or pa.types.is_floating(kind))


def _is_plain(kind: pa.DataType) -> bool:
    return bool(
        pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_boolean(kind)
        or pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_dictionary(kind)
    )  # fmt: skip
