"""Where a dataset's files are found, and what the folders around them tell."""

import os
from pathlib import Path
from urllib.parse import quote

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from emotionscope.errors import UserError
from emotionscope.tables import datasets, parquet_files
from tests.helpers.dialogue_tables import dialogues, invalid_utf8, write_file


def read(place: Path, *names: str) -> list[tuple[object, ...]]:
    table = datasets.read(datasets.open_dataset(str(place), "dialogues"))
    return list(zip(*(table[name].to_pylist() for name in names), strict=True))


def test_partition_folders_are_columns(tmp_path: Path) -> None:
    for split in ("train", "Dév /:%=x", parquet_files.NULL_PARTITION):
        write_file(tmp_path / "d" / f"split={quote(split, safe='')}" / "season=3" / "a.parquet", dialogues(1))
    assert set(read(tmp_path / "d", "split", "season")) == {("train", 3), ("Dév /:%=x", 3), (None, 3)}
    dataset = datasets.open_dataset(str(tmp_path / "d"), "dialogues")
    assert datasets.head(dataset, ["season", "split"], 1).to_pylist() == [{"season": 3, "split": "Dév /:%=x"}]


def test_numbers_in_folders_stay_as_they_are_written(tmp_path: Path) -> None:
    for number in ("007", "12"):
        part = dialogues(1).drop_columns(["dialogue_id"])
        write_file(tmp_path / "d" / f"dialogue_id={number}" / f"zip={number}" / "a.parquet", part)
    assert set(read(tmp_path / "d", "dialogue_id", "zip")) == {("007", "007"), ("12", "12")}


def test_a_column_in_the_file_goes_before_the_folder_of_its_name(tmp_path: Path) -> None:
    write_file(tmp_path / "d" / "utterance=x" / "a.parquet", dialogues(1))
    assert read(tmp_path / "d", "utterance") == [("Line 0!",)]


@pytest.mark.parametrize(
    ("folders", "complaint"),
    [(("split=train", "."), "columns differ"), (("start=soon",), "start=soon: not double")],
)
def test_partitions_that_break_the_contract_are_refused(tmp_path: Path, folders: tuple[str], complaint: str) -> None:
    for folder in folders:
        write_file(tmp_path / "d" / folder / "a.parquet", dialogues(1))
    with pytest.raises(UserError, match=complaint):
        datasets.open_dataset(str(tmp_path / "d"), "dialogues")


ROWS = 77_777  # a number that a footer holds nowhere else


def number(value: int) -> bytes:
    """An integer as footers hold it: Thrift's compact protocol, with the mark of its field."""
    value, sevens = (value << 1) ^ (value >> 63), [0x16]
    while value > 127:
        sevens.append(value & 127 | 128)
        value >>= 7
    return bytes([*sevens, value])


@pytest.mark.parametrize("everywhere", [True, False])
@pytest.mark.parametrize("rows", [-1, -ROWS, 2**40, 2**60, ROWS + 1, 0])
def test_a_footer_with_rows_that_cannot_be_is_refused(tmp_path: Path, rows: int, everywhere: bool) -> None:
    sink = pa.BufferOutputStream()
    pq.write_table(dialogues(ROWS), sink)
    raw = sink.getvalue().to_pybytes()
    start = len(raw) - 8 - int.from_bytes(raw[-8:-4], "little")
    footer = raw[start:-8].replace(number(ROWS), number(rows), -1 if everywhere else 1)
    (tmp_path / "a.parquet").write_bytes(raw[:start] + footer + len(footer).to_bytes(4, "little") + b"PAR1")
    with pytest.raises(UserError, match=r"a.parquet: not a readable Parquet file|the dataset is empty") as told:
        dataset = datasets.open_dataset(str(tmp_path), "dialogues")
        datasets.read(dataset)
    assert "\n" not in str(told.value)


@pytest.mark.parametrize("name", ["talks", "talks.pq", "talks.PARQUET", "000000_0", "part-0.snappy"])
def test_a_file_is_parquet_by_its_content(tmp_path: Path, name: str) -> None:
    write_file(tmp_path / "d" / name, dialogues(2))
    (tmp_path / "d" / "notes.txt").write_text("mine")
    (tmp_path / "d" / "rows").write_text("dialogue_id,utterance_id\n")
    for place in (tmp_path / "d", tmp_path / "d" / name):
        assert len(read(place, "utterance")) == 2
        assert datasets.open_dataset(str(place), "dialogues").folder == str(tmp_path / "d")


def test_a_folder_may_be_named_like_a_file(tmp_path: Path) -> None:
    write_file(tmp_path / "talks.parquet" / "a.parquet", dialogues(2))
    assert datasets.open_dataset(str(tmp_path / "talks.parquet"), "dialogues").folder == str(tmp_path / "talks.parquet")


def test_hidden_files_are_no_data(tmp_path: Path) -> None:
    for name in ("a.parquet", ".a.parquet", "_temporary/0/a.parquet", "_metadata", "x/.tmp/a.parquet"):
        write_file(tmp_path / "d" / name, dialogues(1))
    assert len(read(tmp_path / "d", "utterance")) == 1


@pytest.mark.parametrize(
    ("marker", "kind"),
    [
        ("_delta_log/00000000000000000000.json", "Delta Lake"),
        ("metadata/v1.metadata.json", "Apache Iceberg"),
        ("metadata/00001-0c3f.gz.metadata.json", "Apache Iceberg"),
        ("metadata/version-hint.text", "Apache Iceberg"),
        (".hoodie/hoodie.properties", "Apache Hudi"),
        ("snapshot/snapshot-1", "Apache Paimon"),
        ("_spark_metadata/0", "Spark Structured Streaming"),
    ],
)
def test_tables_of_other_formats_are_refused_by_name(tmp_path: Path, marker: str, kind: str) -> None:
    (tmp_path / "t" / marker).parent.mkdir(parents=True)
    (tmp_path / "t" / marker).touch()
    file = write_file(tmp_path / "t" / "data" / "split=train" / "a.parquet", dialogues(1))
    for place in (tmp_path, tmp_path / "t", tmp_path / "t" / "data", file.parent, file):
        with pytest.raises(UserError, match=f"{kind}.*export it to plain Parquet"):
            datasets.open_dataset(str(place), "dialogues")


@pytest.mark.parametrize("content", [b"", b"PAR", b"a,b\n1,2\n", b"ARROW1\0\0", b"ORC", b"PAR1 and no more"])
def test_a_file_of_another_format_is_refused_in_one_line(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a").write_bytes(content)
    with pytest.raises(UserError, match=f"{tmp_path}/a: not a (readable )?Parquet file") as told:
        datasets.open_dataset(str(tmp_path / "a"), "dialogues")
    assert "\n" not in str(told.value)


def test_a_part_that_is_no_file_is_told_and_not_left_out(tmp_path: Path) -> None:
    write_file(tmp_path / "d" / "a.parquet", dialogues(1))
    (tmp_path / "d" / "b.parquet").symlink_to(tmp_path / "gone")
    with pytest.raises(UserError, match=r"b.parquet: not a regular file"):
        datasets.open_dataset(str(tmp_path / "d"), "dialogues")
    (tmp_path / "d" / "b.parquet").unlink()
    os.mkfifo(tmp_path / "d" / "b.parquet")
    with pytest.raises(UserError, match=r"b.parquet: not a regular file"):
        datasets.open_dataset(str(tmp_path / "d"), "dialogues")
    with pytest.raises(UserError, match=r"b.parquet: neither a file nor a folder"):
        datasets.open_dataset(str(tmp_path / "d" / "b.parquet"), "dialogues")


def test_a_damaged_page_is_one_line_that_names_the_file(tmp_path: Path) -> None:
    write_file(tmp_path / "d" / "a.parquet", dialogues(5))
    datasets.write_part(dialogues(400), str(tmp_path / "d" / "b.parquet"))
    content = bytearray((tmp_path / "d" / "b.parquet").read_bytes())
    content[40:1200] = bytes(1160)
    (tmp_path / "d" / "b.parquet").write_bytes(content)
    dataset = datasets.open_dataset(str(tmp_path / "d"), "dialogues")
    with pytest.raises(UserError, match=r"b.parquet: not a readable Parquet file \(.+\)$") as told:
        datasets.read(dataset)
    assert "\n" not in str(told.value)
    assert len(datasets.head(dataset, ["utterance"], 5)) == 5


def test_a_file_damaged_anywhere_is_read_or_refused_in_one_line(tmp_path: Path) -> None:
    whole = write_file(tmp_path / "a.parquet", dialogues(50)).read_bytes()
    rng = np.random.default_rng(0)
    refused: list[str] = []
    for number in range(60):
        content = bytearray(whole)
        first = 0 if number % 2 else len(whole) - 600  # the footer is there
        for place in rng.integers(first, len(whole), rng.integers(1, 20)):
            content[place] ^= int(rng.integers(1, 256))
        (tmp_path / "a.parquet").write_bytes(content)
        try:
            datasets.read(datasets.open_dataset(str(tmp_path / "a.parquet"), "dialogues"))
        except UserError as error:
            refused.append(str(error))
    assert len(refused) > 50
    assert all(str(tmp_path) in told and "\n" not in told for told in refused)


def test_pages_with_check_sums_are_held_against_them(tmp_path: Path) -> None:
    datasets.write_part(dialogues(400), str(tmp_path / "a.parquet"))
    whole = (tmp_path / "a.parquet").read_bytes()
    for place in range(100, 600, 50):
        (tmp_path / "a.parquet").write_bytes(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])
        with pytest.raises(UserError, match=r"a.parquet: not a readable Parquet file"):
            datasets.read(datasets.open_dataset(str(tmp_path / "a.parquet"), "dialogues"))


def test_links_are_followed_but_not_in_a_circle(tmp_path: Path) -> None:
    write_file(tmp_path / "elsewhere" / "a.parquet", dialogues(2))
    write_file(tmp_path / "d" / "b.parquet", dialogues(1))
    (tmp_path / "d" / "linked").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "elsewhere" / "back").symlink_to(tmp_path / "d")
    (tmp_path / "d" / "self").symlink_to(tmp_path / "d")
    assert len(read(tmp_path / "d", "utterance")) == 3


def test_text_that_is_not_utf8_in_a_folder_of_its_own_type(tmp_path: Path) -> None:
    text = invalid_utf8([b"caf\xe9", None, b"ok"])
    write_file(tmp_path / "d" / "split=train" / "a.parquet", dialogues(3).set_column(2, "utterance", text))
    assert read(tmp_path / "d", "utterance", "split") == [("caf�", "train"), (None, "train"), ("ok", "train")]
