from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from emotionscope.errors import UserError
from emotionscope.io import shards, storage, tables
from emotionscope.io.shards import Output
from tests.dialogue_tables import dialogues, write

SETTINGS = {"bundle": "abc", "shard_rows": 10}


def test_shards_hold_every_row_once_and_in_order(tmp_path: Path) -> None:
    folder = tmp_path / "d"
    folder.mkdir()
    for number, rows in enumerate((25, 0, 7)):
        pq.write_table(dialogues(rows), folder / f"{number}.parquet", row_group_size=4)
    dataset = tables.open_dataset(str(folder), "dialogues")
    cut = shards.cut(dataset, 10)
    assert [shard.rows for shard in cut] == [10, 10, 5, 7]
    assert [shard.name for shard in cut] == sorted(shard.name for shard in cut)
    read = pa.concat_tables([shards.read(shard, dataset.schema) for shard in cut])
    assert read.equals(tables.read(dataset))


@pytest.fixture
def output(tmp_path: Path) -> str:
    return str(tmp_path / "out")


def test_a_half_finished_output_goes_on_with_the_shards_that_lack(output: str, tmp_path: Path) -> None:
    dataset = tables.open_dataset(write(tmp_path / "d", dialogues(25)), "dialogues")
    work = shards.cut(dataset, 10)
    first = Output(output, "score", SETTINGS)
    tables.write_part(shards.read(work[1], dataset.schema), first.path(work[1]))
    done, todo = Output(output, "score", SETTINGS).split(work)
    assert done == [work[1]]
    assert todo == [work[0], work[2]]


def test_a_half_finished_output_of_other_settings_is_refused(output: str) -> None:
    Output(output, "score", SETTINGS)
    with pytest.raises(UserError, match=r"other settings \(bundle differ\)"):
        Output(output, "score", {**SETTINGS, "bundle": "xyz"})


def test_a_finished_output_and_a_foreign_folder_are_refused(output: str, tmp_path: Path) -> None:
    Output(output, "score", SETTINGS).finish([], {})
    with pytest.raises(UserError, match="finished"):
        Output(output, "score", SETTINGS)
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("years of work")
    with pytest.raises(UserError, match="holds other files"):
        Output(str(tmp_path / "mine"), "score", SETTINGS)
    assert [path.name for path in (tmp_path / "mine").iterdir()] == ["thesis.txt"]


def test_the_summary_counts_rows_and_errors_by_reason(output: str) -> None:
    table = pa.table({"face_count": [1, 0, 2], "error": ["video unreadable: x", None, "video unreadable: y"]})
    tallies = [shards.tally(table), shards.tally(table.slice(1, 1))]
    summary = Output(output, "score", SETTINGS).finish(tallies, {})
    assert summary == storage.read_json(storage.join(output, "_summary.json"))
    assert (summary["rows"], summary["with_faces"], summary["errors"]) == (4, 2, {"video unreadable": 2})
