"""Tables as other programs and people leave them: ids of other types, odd names of files, folders and columns."""

import gzip
import os
import uuid
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from emotionscope.errors import UserError
from emotionscope.tables import datasets
from tests.conftest import run_job

LARGE = 2**63  # an id that no int64 holds


def table(**columns: Any) -> pa.Table:
    keys = {"dialogue_id": ["d"] * 3, "utterance_id": list(range(3)), "utterance": ["One.", "Two!", "Three?"]}
    return pa.table({**keys, **columns})


def write(folder: Path, content: pa.Table, name: str = "part.parquet") -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(content, path)
    return path


def read(place: Path) -> pa.Table:
    return datasets.read(datasets.open_dataset(str(place), "dialogues"))


@pytest.mark.parametrize(
    ("values", "text"),
    [
        (pa.array([Decimal(7), None, Decimal(10**37)], pa.decimal128(38, 0)), ["7", None, "1" + "0" * 37]),
        (pa.array([Decimal("7.00"), None, Decimal(-1)], pa.decimal128(9, 2)), ["7", None, "-1"]),
        (pa.array([Decimal(7), None, Decimal(0)], pa.decimal256(60, 3)), ["7", None, "0"]),
        (pa.array([7.0, float("nan"), None]), ["7", None, None]),  # integers with a gap, as pandas has them
        (pa.array([7.0, None, -1.0], pa.float16()), ["7", None, "-1"]),
        (pa.array([LARGE, None, 0], pa.uint64()), [str(LARGE), None, "0"]),
        (pa.array([uuid.UUID(int=1).bytes, None, b"\xff" * 16], pa.uuid()),
         ["00000000-0000-0000-0000-000000000001", None, "ffffffff-ffff-ffff-ffff-ffffffffffff"]),
        (pa.ExtensionArray.from_storage(pa.json_(pa.string()), pa.array(["7", None, "a"])), ["7", None, "a"]),
    ],
    ids=lambda each: str(each.type) if isinstance(each, pa.Array) else "",
)  # fmt: skip
def test_ids_that_databases_and_pandas_write_become_text(tmp_path: Path, values: pa.Array, text: list[str]) -> None:
    write(tmp_path, table(dialogue_id=values, speaker=values))
    found = read(tmp_path)
    assert found["dialogue_id"].to_pylist() == found["speaker"].to_pylist() == text


@pytest.mark.parametrize(
    "values", [pa.array([1.5, 2.0, None]), pa.array([Decimal("1.50")] * 3, pa.decimal128(9, 2)), pa.array([1e30] * 3)]
)
def test_an_id_that_is_no_whole_number_is_refused(tmp_path: Path, values: pa.Array) -> None:
    write(tmp_path, table(dialogue_id=values))
    with pytest.raises(UserError, match="column 'dialogue_id' cannot be read as string") as told:
        read(tmp_path)
    assert "\n" not in str(told.value)


@pytest.mark.parametrize("kind", [pa.list_view(pa.string()), pa.large_list_view(pa.int64())])
def test_list_views_are_carried_as_lists(tmp_path: Path, kind: pa.DataType) -> None:
    values = [["7"], [], None] if pa.types.is_string(kind.value_type) else [[7, None], [], None]
    write(tmp_path, table(tags=pa.array(values, kind)))
    found = read(tmp_path)
    found.validate(full=True)
    assert found["tags"].to_pylist() == values


def test_rows_in_a_file_packed_once_more_are_not_lost_in_silence(tmp_path: Path) -> None:
    path = write(tmp_path, table())
    (tmp_path / "part-1.parquet.gz").write_bytes(gzip.compress(path.read_bytes()))
    for place in (tmp_path, tmp_path / "part-1.parquet.gz"):
        with pytest.raises(UserError, match="a compressed Parquet file; decompress it"):
            read(place)
    (tmp_path / "part-1.parquet.gz").rename(tmp_path / "notes.csv.gz")
    assert len(read(tmp_path)) == 3


def test_two_folders_that_tell_the_same_column_are_refused(tmp_path: Path) -> None:
    write(tmp_path / "split=train/split=dev", table())
    with pytest.raises(UserError, match="both define column 'split'"):
        read(tmp_path)


def test_names_that_are_nearly_right_are_named(tmp_path: Path) -> None:
    write(tmp_path, table().rename_columns(["Dialogue ID", "utterance-id", "utterance "]))
    with pytest.raises(
        UserError, match="rename the column 'Dialogue ID' to dialogue_id, 'utterance-id' to utterance_id"
    ):
        read(tmp_path)


def test_a_link_to_itself_beside_the_table_does_no_harm(tmp_path: Path) -> None:
    write(tmp_path, table())
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    assert len(read(tmp_path)) == 3


def test_a_name_that_is_not_utf8_is_told_in_one_line(tmp_path: Path) -> None:
    odd = os.fsdecode(os.fsencode(tmp_path) + b"/\xe9t\xe9")
    write(tmp_path / "talks", table())
    (tmp_path / "talks").rename(odd)
    told = run_job("jobs.score", "--dialogues", odd, "--output", str(tmp_path / "out"))
    assert told.returncode == 2
    assert told.stderr.count("\n") == 1 and "not UTF-8; rename it" in told.stderr
    with pytest.raises(UserError, match="its name is not UTF-8; rename it"):
        read(tmp_path)


@pytest.mark.parametrize(
    "name",
    ["é.parquet", "e\u0301.parquet", "a b%20c.parquet", "a#b?c.parquet", "'q' \"q\".parquet", "a\nb.parquet",
     "[1]*.parquet", "a\\b.parquet", "-x.PARQUET", "s3:x.parquet", "a@b.pq", "part.gz.parquet"],
)  # fmt: skip
def test_any_name_of_a_file_or_folder_will_do(tmp_path: Path, name: str) -> None:
    path = write(tmp_path / f"folder {name}", table(), name)
    assert len(read(path)) == len(read(path.parent)) == len(read(tmp_path)) == 3
