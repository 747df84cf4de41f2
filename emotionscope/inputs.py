"""Converts data of pandas, Polars, Arrow and NumPy to the texts and tables that the models take."""

import os
import uuid
from collections import Counter
from collections.abc import Iterable, Mapping, Set
from typing import Any

import pandas as pd
import pyarrow as pa

from emotionscope.errors import UserError, first_line
from emotionscope.tables import columns, contracts, schemas

NAME = "the dialogues"
_FAILURES = (pa.ArrowException, UnicodeError, TypeError, ValueError, OverflowError)
_HINT = "give a list, a Series or an array of texts"


def texts_of(given: Any) -> tuple[list[str | None], pd.Index | None]:
    """The texts by their place, None where one is missing, and the index of a Series.

    Missing is what pandas, NumPy, Polars and Arrow call so. Bytes are read as UTF-8; what is no character is U+FFFD.
    Raises UserError for one text alone, for what has no order or more columns than one, and for what is no text.
    """
    if isinstance(given, str | bytes):
        raise UserError(f"texts takes a list of texts, not a single one; {_HINT}, such as [{given!r:.60}]")
    if isinstance(given, pd.DataFrame) or getattr(given, "ndim", 1) != 1:
        raise UserError(f"texts takes one column of texts, such as frame['utterance'], not a table; {_HINT}")
    if not isinstance(given, Iterable) or isinstance(given, Mapping | Set) or hasattr(given, "schema"):
        raise UserError(f"texts cannot take {type(given).__name__}; {_HINT}")
    found = [_text(value, place) for place, value in enumerate(_values(given))]
    return found, given.index if isinstance(given, pd.Series) else None


def _values(column: Any) -> Iterable[Any]:
    for method in ("tolist", "to_pylist", "to_list"):  # of pandas and NumPy, of Arrow, of Polars
        if hasattr(column, method):
            return list(getattr(column, method)())
    return list(column)


def _text(value: Any, place: int) -> str | None:
    value = plain(value)
    if value is not None and not isinstance(value, str):
        raise UserError(f"text {place} (counted from 0) is {value!r:.40}, {type(value).__name__}; {_HINT}")
    return value


def plain(value: Any) -> Any:
    """A value as Arrow can take it: None where it is missing, well-formed text, and the text of paths and UUIDs."""
    if isinstance(value, pa.Scalar):
        value = value.as_py()
    if isinstance(value, str):
        return value if value.isascii() else value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    if isinstance(value, os.PathLike | uuid.UUID):
        return str(value)
    if isinstance(value, Mapping):
        return {plain(key): plain(each) for key, each in value.items()}
    if pd.api.types.is_list_like(value):
        return [plain(each) for each in value]
    return None if pd.isna(value) else value


def dialogues_of(frame: Any) -> tuple[pa.Table, pd.Index | None]:
    """A frame of pandas, Polars or Arrow as a checked dialogues table, and its index, where it has one.

    Raises UserError where it is none, lacks a column or has one that cannot be what it should be.
    """
    if isinstance(frame, pd.DataFrame):
        table, index = _of_pandas(frame), frame.index
    elif hasattr(frame, "__arrow_c_stream__") or isinstance(frame, pa.Table | pa.RecordBatch):
        table, index = pa.table(frame), None
    else:
        hint = "; collect() it first" if hasattr(frame, "collect") else ""
        raise UserError(
            f"dialogues takes a DataFrame of pandas or Polars, or an Arrow table, not {type(frame).__name__}{hint}"
        )
    twice = [name for name, count in Counter(table.column_names).items() if count > 1]
    if twice:
        raise UserError(f"{NAME}: column {twice[0]!r} appears twice; rename one")
    contract = contracts.DIALOGUES
    for place, name in enumerate(table.column_names):
        column, wanted = table[name], contract.by_name.get(name)
        if wanted and column.null_count == len(column) and not columns.can_become(column.type, wanted.type):
            table = table.set_column(place, name, pa.nulls(len(column)))  # nothing but NaN is of no type
    return schemas.conform(NAME, table, contract), index


def _of_pandas(frame: pd.DataFrame) -> pa.Table:
    hidden = [name for name in frame.index.names if name in contracts.DIALOGUES.by_name and name not in frame.columns]
    if hidden:
        raise UserError(f"{NAME}: {', '.join(map(str, hidden))} is in the index; give frame.reset_index()")
    arrays = [_array(frame.iloc[:, place], str(name)) for place, name in enumerate(frame.columns)]
    return pa.table(arrays, names=[str(name) for name in frame.columns])


def _array(series: "pd.Series[Any]", name: str) -> pa.Array | pa.ChunkedArray:
    if isinstance(series.dtype, pd.SparseDtype):
        series = series.astype(series.dtype.subtype)
    if isinstance(series.dtype, pd.PeriodDtype):  # which Arrow would number
        series = series.astype("str")
    try:
        return pa.array(series, from_pandas=True)
    except _FAILURES:
        pass
    try:
        return pa.array([plain(value) for value in series.tolist()])
    except _FAILURES as error:
        raise UserError(f"{NAME}: column {name!r} holds values of several kinds ({first_line(error)})") from error
