from pathlib import Path

import pyarrow as pa
import pytest

from emotionscope.errors import UserError
from emotionscope.tables import datasets
from tests.helpers.dialogue_tables import dialogues, write


def test_files_of_slightly_different_types_read_as_one_table(tmp_path: Path) -> None:
    first = dialogues(video=pa.nulls(3), emotion=pa.array(["joy"] * 3).dictionary_encode())
    second = dialogues(video=pa.array(["a.mp4"] * 3), emotion=pa.array(["joy"] * 3, pa.large_string()))
    second = second.set_column(1, "utterance_id", second["utterance_id"].cast(pa.int32()))
    table = datasets.read(datasets.open_dataset(write(tmp_path / "d", first, second), "dialogues"))
    assert table["video"].to_pylist() == [None] * 3 + ["a.mp4"] * 3
    assert table.schema.field("utterance_id").type == pa.int64()
    assert table["emotion"].to_pylist() == ["joy"] * 6


def test_other_columns_are_carried_in_their_own_types(tmp_path: Path) -> None:
    extra = pa.array([{"a": 1}, None, {"a": 2}])
    table = datasets.read(datasets.open_dataset(write(tmp_path / "d", dialogues(mine=extra)), "dialogues"))
    assert table["mine"].to_pylist() == [{"a": 1}, None, {"a": 2}]


def drop(name: str) -> pa.Table:
    return dialogues().drop_columns([name])


@pytest.mark.parametrize(
    ("parts", "complaint"),
    [
        ([dialogues(0)], "empty"),
        ([drop("utterance_id")], "lacks the column utterance_id"),
        ([drop("utterance")], "lacks the column utterance"),
        ([dialogues(start=pa.array(["0:01"] * 3))], "'start' is string"),
        ([drop("utterance_id").append_column("utterance_id", [["1", "2", "3"]])], "'utterance_id' is string"),
        ([dialogues(), dialogues(mine=pa.array([1, 2, 3]))], "columns differ"),
    ],
)
def test_a_dataset_that_breaks_the_contract_is_refused(tmp_path: Path, parts: list[pa.Table], complaint: str) -> None:
    with pytest.raises(UserError, match=complaint):
        datasets.open_dataset(write(tmp_path / "d", *parts), "dialogues")


def test_missing_unreadable_and_unfinished_datasets_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no such file or folder"):
        datasets.open_dataset(str(tmp_path / "none"), "dialogues")
    (tmp_path / "empty").mkdir()
    with pytest.raises(UserError, match="no Parquet files"):
        datasets.open_dataset(str(tmp_path / "empty"), "dialogues")
    (tmp_path / "empty" / "a.parquet").write_bytes(b"not Parquet at all")
    with pytest.raises(UserError, match="not a readable Parquet file"):
        datasets.open_dataset(str(tmp_path / "empty"), "dialogues")
    half = write(tmp_path / "half", dialogues())
    (tmp_path / "half" / "_run.json").write_text("{}")
    with pytest.raises(UserError, match="not finished"):
        datasets.open_dataset(half, "dialogues")


def test_a_written_part_opens_with_plain_pandas(tmp_path: Path) -> None:
    import pandas as pd

    datasets.write_part(dialogues(), str(tmp_path / "out" / "part-0.parquet"))
    (tmp_path / "out" / "_summary.json").write_text("{}")
    assert list(pd.read_parquet(tmp_path / "out")["utterance"]) == ["Line 0!", "Line 1!", "Line 2!"]
