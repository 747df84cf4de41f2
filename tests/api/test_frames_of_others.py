"""Texts and frames of pandas, Polars, Arrow and NumPy are answered by place, as a list of the same texts is."""

import uuid
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import emotionscope
from emotionscope.errors import UserError

MODELS = emotionscope.load()
HI, OUT = "I love it, thank you so much!", "Get out! I hate you!"
Texts = list[str | None]

SERIES: dict[str, Callable[[Texts, Any], "pd.Series[Any]"]] = {
    "object": lambda texts, index: pd.Series(texts, index, dtype=object),
    "str": lambda texts, index: pd.Series(texts, index, dtype="str"),
    "string of Python": lambda texts, index: pd.Series(texts, index, dtype="string[python]"),
    "string of Arrow": lambda texts, index: pd.Series(texts, index, dtype="string[pyarrow]"),
    "Arrow": lambda texts, index: pd.Series(texts, index, dtype=pd.ArrowDtype(pa.string())),
    "large": lambda texts, index: pd.Series(texts, index, dtype=pd.ArrowDtype(pa.large_string())),
    "categories": lambda texts, index: pd.Series(texts, index, dtype=object).astype("category"),
}
COLUMNS: dict[str, Callable[[Texts], Any]] = {
    "Polars": lambda texts: pl.Series(texts, dtype=pl.String),
    "Polars' categories": lambda texts: pl.Series(texts, dtype=pl.Categorical),
    "Arrow": lambda texts: pa.array(texts, pa.string()),
    "Arrow's views": lambda texts: pa.array(texts, pa.string_view()),
    "Arrow's dictionary": lambda texts: pa.array(texts, pa.string()).dictionary_encode(),
    "Arrow's chunks": lambda texts: pa.chunked_array([texts[:1], texts[1:]], pa.string()),
    "NumPy": lambda texts: np.array(texts, dtype=object),
    "NumPy's strings": lambda texts: np.array(texts, dtype=np.dtypes.StringDType(na_object=None)),
    "an index": lambda texts: pd.Index(texts, dtype=object),
    "a tuple": tuple,
    "an iterator": iter,
}

any_texts = st.lists(st.none() | st.sampled_from([HI, OUT, "", " "]) | st.text(max_size=20), max_size=6)


@st.composite
def indices(draw: st.DrawFn, rows: int) -> Any:
    """An index of so many rows: shuffled, repeated, of any kind of label, some missing, or of two levels."""
    kinds = (st.integers(0, 3), st.text(max_size=2), st.floats(), st.dates() | st.none())
    labels = st.lists(draw(st.sampled_from(kinds)), min_size=rows, max_size=rows)
    one = draw(labels)
    return pd.MultiIndex.from_arrays([one, draw(labels)]) if rows and draw(st.booleans()) else pd.Index(one)


def same(found: pd.DataFrame, wanted: pd.DataFrame) -> None:
    """The same rows in the same order, whatever the indices."""
    pd.testing.assert_frame_equal(found.reset_index(drop=True), wanted, check_dtype=False)


@settings(deadline=None, max_examples=60)
@given(data=st.data(), kind=st.sampled_from(sorted(SERIES)), texts=any_texts)
def test_a_series_is_answered_by_place_and_keeps_its_index(data: st.DataObject, kind: str, texts: Texts) -> None:
    index = data.draw(indices(len(texts)))
    found = MODELS.texts(SERIES[kind](texts, index))
    assert found.index.equals(index)
    same(found, MODELS.texts(texts))


@settings(deadline=None, max_examples=40)
@given(kind=st.sampled_from(sorted(COLUMNS)), texts=any_texts)
def test_a_column_of_any_library_is_answered_as_the_list_is(kind: str, texts: Texts) -> None:
    same(MODELS.texts(COLUMNS[kind](texts)), MODELS.texts(texts))


@settings(deadline=None, max_examples=30)
@given(data=st.data(), kind=st.sampled_from(sorted(SERIES)), texts=any_texts)
def test_a_frame_is_answered_by_place_and_keeps_its_index(data: st.DataObject, kind: str, texts: Texts) -> None:
    index = data.draw(indices(len(texts)))
    frame = pd.DataFrame({"utterance": SERIES[kind](texts, index)}).assign(
        dialogue_id="d", utterance_id=range(len(texts))
    )
    found, wanted = MODELS.dialogues(frame), MODELS.texts(texts)
    assert found.index.equals(index)
    assert found["utterance_id"].tolist() == list(range(len(texts)))
    assert list(found["text_emotion"].fillna("none")) == list(wanted["emotion"].fillna("none"))
    np.testing.assert_array_equal(found["text_joy"], wanted["joy"])


@pytest.mark.parametrize(
    "missing", [None, float("nan"), np.float32("nan"), pd.NA, pd.NaT, np.datetime64("NaT"), pa.scalar(None)]
)
def test_every_missing_value_is_a_missing_answer(missing: Any) -> None:
    found = MODELS.texts([HI, missing])
    assert found["emotion"].isna().tolist() == [False, True]
    assert found["joy"].isna().tolist() == [False, True]


def frame(**columns: Any) -> pd.DataFrame:
    """Two utterances, with other columns."""
    return pd.DataFrame({"dialogue_id": "d", "utterance_id": [0, 1], "utterance": [HI, OUT], **columns})


def answers(found: pd.DataFrame) -> list[str]:
    return [str(emotion) for emotion in found["text_emotion"]]


@pytest.mark.parametrize("make", [pl.DataFrame, pa.Table.from_pandas, pa.RecordBatch.from_pandas])
def test_a_table_of_another_library_is_a_frame(make: Callable[[Any], Any]) -> None:
    assert answers(MODELS.dialogues(make(frame()))) == ["joy", "anger"]


def test_columns_of_all_kinds_are_carried_or_read(tmp_path: Path) -> None:
    odd: dict[str, Any] = {
        "dialogue_id": [uuid.UUID(int=1)] * 2,
        "video": [tmp_path / "a.mp4", None],
        "speaker": [np.nan, np.nan],
        "start": pd.array([0, None], dtype="Int64"),
        "sparse": pd.arrays.SparseArray([1, 0]),
        "a dict": [{"a": 1}, {"a": 2}],
        "a list": [[1], []],
        "month": pd.PeriodIndex(["2026-01", None], freq="M"),
        "when": pd.to_datetime(["2026-01-01", None]),
        7: ["a number", "as a name"],
    }
    found = MODELS.dialogues(frame(**{str(name): values for name, values in odd.items()}))
    assert answers(found) == ["joy", "anger"]
    assert found["sparse"].tolist() == [1, 0]
    assert found["month"][0] == "2026-01" and pd.isna(found["month"][1])
    assert found["speaker"].isna().all() and found["error"].isna().all()


def test_a_frame_without_rows_gives_scores_without_rows() -> None:
    for empty in (frame().iloc[:0], pl.DataFrame(frame()).clear(), pd.DataFrame(columns=list(frame().columns))):
        assert MODELS.dialogues(empty).columns.tolist() == MODELS.dialogues(frame()).columns.tolist()
    assert MODELS.texts([]).empty


def test_half_an_emoji_is_one_bad_character() -> None:
    half = HI + chr(0xD83D)
    assert MODELS.texts([half])["text"].tolist() == [HI + "\ufffd"]
    bad = frame(utterance=pd.Series([half, OUT], dtype=object), note=pd.Series([[half], None], dtype=object))
    assert answers(MODELS.dialogues(bad)) == ["joy", "anger"]


REFUSED: Sequence[tuple[Any, str]] = [
    (frame().drop(columns="utterance"), "lacks the column utterance"),
    (frame().set_index("dialogue_id"), "dialogue_id is in the index.*reset_index"),
    (pd.concat([frame(), frame()[["utterance"]]], axis=1), "'utterance' appears twice"),
    (frame(mixed=[1, "a"]), "'mixed' holds values of several kinds"),
    (frame(utterance=[1, 2]), "'utterance' is int64, and must be string"),
    (frame(start=["now", "then"]), "'start' is large_string, and must be double"),
    (frame(text_joy=1.0), "text_joy"),
    (pl.LazyFrame(), "collect"),
    ([1], "a DataFrame of pandas or Polars"),
    (None, "a DataFrame of pandas or Polars"),
]


@pytest.mark.parametrize(("bad", "reason"), REFUSED, ids=[reason for _, reason in REFUSED])
def test_a_frame_that_is_no_dialogues_is_refused_by_its_column(bad: Any, reason: str) -> None:
    with pytest.raises(UserError, match=reason) as told:
        MODELS.dialogues(bad)
    assert "/" not in str(told.value)


@pytest.mark.parametrize(
    "bad", [HI, b"Hi", 3, None, {HI}, {"a": HI}, frame(), np.array([[HI]]), [3], [HI, ["a"]], pl.DataFrame(frame())]
)
def test_what_is_no_column_of_texts_is_refused(bad: Any) -> None:
    with pytest.raises(UserError, match="give a list"):
        MODELS.texts(bad)


def test_a_folder_of_videos_that_is_not_there_is_refused() -> None:
    with pytest.raises(UserError, match="no such folder"):
        MODELS.dialogues(frame(), videos="/nope")
