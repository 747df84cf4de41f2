"""Datasets as the pages' SQL sees them."""

from pathlib import Path

import duckdb
import pytest

from emotionscope.dashboard.queries.parquet_view import ParquetView
from emotionscope.tables import datasets
from tests.helpers.dialogue_tables import dialogues, write_file


@pytest.mark.parametrize("folder", ["split=train/season=3", "split=__HIVE_DEFAULT_PARTITION__/season=3"])
def test_partition_folders_are_columns_of_the_view_too(tmp_path: Path, folder: str) -> None:
    write_file(tmp_path / "d" / folder / "a.parquet", dialogues(1))
    write_file(tmp_path / "d" / "split=dev" / "season=12" / "a.parquet", dialogues(1))
    dataset = datasets.open_dataset(str(tmp_path / "d"), "dialogues")
    connection = duckdb.connect()
    view = ParquetView(connection, "scores", dataset)
    expected = [
        tuple(row.values()) for row in sorted(datasets.read(dataset).to_pylist(), key=lambda row: row["season"])
    ]
    for query in ("SELECT * FROM scores", view.source(dataset.uri)):
        assert connection.execute(f"{query} ORDER BY season").fetchall() == expected


def test_folders_above_the_dataset_are_no_columns(tmp_path: Path) -> None:
    write_file(tmp_path / "run=5" / "d" / "a.parquet", dialogues(1))
    dataset = datasets.open_dataset(str(tmp_path / "run=5" / "d"), "dialogues")
    connection = duckdb.connect()
    view = ParquetView(connection, "scores", dataset)
    for query in ("SELECT * FROM scores", view.source(dataset.uri), view.source(f"{dataset.uri}/")):
        assert connection.execute(query).fetchall() == [("d0", 0, "Line 0!")]
    assert view.columns == dataset.schema.names
