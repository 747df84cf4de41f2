from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from emotionscope.batch import shard_sizes
from emotionscope.errors import JobError, UserError
from emotionscope.runs import shards
from emotionscope.tables import contracts, datasets
from tests.helpers.dialogue_tables import dialogues, write


def test_shards_hold_every_row_once_and_in_order(tmp_path: Path) -> None:
    folder = tmp_path / "d"
    folder.mkdir()
    for number, rows in enumerate((25, 0, 7)):
        pq.write_table(dialogues(rows), folder / f"{number}.parquet", row_group_size=4)
    dataset = datasets.open_dataset(str(folder), "dialogues")
    cut = shards.cut(dataset, 10)
    assert [shard.rows for shard in cut] == [10, 10, 5, 7]
    assert [shard.name for shard in cut] == sorted(shard.name for shard in cut)
    read = pa.concat_tables([shards.read(shard, dataset.schema) for shard in cut])
    assert read.equals(datasets.read(dataset))


def test_a_few_hundred_clips_keep_many_cores_busy_and_a_film_is_looked_at_as_a_whole() -> None:
    clips = dialogues(1).schema.append(pa.field("video", pa.string()))
    film = clips.append(pa.field("start", pa.float64()))
    rows_of_clips, rows_of_films = (
        shard_sizes.rows_per_shard(shard_sizes.kind_of_videos(schema), 250) for schema in (clips, film)
    )
    assert 250 / rows_of_clips > 12
    assert rows_of_films >= 250


def test_the_rows_of_one_film_stay_together_however_many_they_are(tmp_path: Path) -> None:
    films = ["a"] * 3 + ["b"] * 9 + [None] * 4 + ["c"] * 2
    table = dialogues(len(films)).append_column("video", pa.array(films))
    dataset = datasets.open_dataset(write(tmp_path / "d", table), "dialogues")
    cut = shards.cut(dataset, 2, together="video")
    assert [shard.rows for shard in cut] == [3, 9, 2, 2, 2]
    assert [shard.start for shard in cut] == [0, 3, 12, 14, 16]
    assert sum(shard.rows for shard in shards.cut(dataset, 5, together="video")) == len(films)


def test_an_input_that_changes_while_a_job_runs_ends_the_job(tmp_path: Path) -> None:
    folder = write(tmp_path / "d", dialogues(4))
    dataset = datasets.open_dataset(folder, "dialogues")
    first, second = shards.cut(dataset, 2)
    shards.read(first, dataset.schema)
    write(tmp_path / "d", dialogues(4, utterance=pa.array([f"LINE {row}!" for row in range(4)])))
    with pytest.raises(JobError, match=r"part-0.parquet: changed since the job started"):
        shards.read(second, dataset.schema)


@pytest.mark.parametrize("compression", ["none", "snappy"])
def test_one_changed_letter_ends_the_job_though_size_and_footer_are_the_same(tmp_path: Path, compression: str) -> None:
    place = tmp_path / "d" / "part-0.parquet"
    place.parent.mkdir()

    def put(letter: str) -> None:
        texts = pa.array([f"{letter}ine {row}!" for row in range(4)])
        pq.write_table(dialogues(4, utterance=texts), place, compression=compression, write_statistics=False)

    put("L")
    dataset = datasets.open_dataset(str(place.parent), "dialogues")
    first, second = shards.cut(dataset, 2)
    shards.read(first, dataset.schema)
    size, footer = place.stat().st_size, dataset.parts[0].footer
    put("F")
    assert place.stat().st_size == size
    assert datasets.open_dataset(str(place.parent), "dialogues").parts[0].footer == footer
    with pytest.raises(JobError, match=r"part-0.parquet: changed since the job started"):
        shards.read(second, dataset.schema)
    place.unlink()
    with pytest.raises((JobError, UserError), match=r"part-0.parquet"):
        shards.read(second, dataset.schema)


def test_a_tally_counts_rows_faces_and_errors_by_reason() -> None:
    table = pa.table({"face_count": [1, 0, 2], "error": ["video unreadable: x", None, "video unreadable: y"]})
    tally = shards.tally(table, "part-0.parquet", contracts.SCORES)
    assert tally == shards.Tally("part-0.parquet", 3, 2, 3, {"video unreadable": 2}, {})
    assert shards.Tally.from_json(tally.to_json()) == tally


WIDE = 8_000  # columns, of which a reader that looks at all for each takes minutes


@pytest.mark.timeout(60)
def test_a_shard_of_thousands_of_columns_is_read_as_any_other(tmp_path: Path) -> None:
    more = {f"answer {number}": pa.array([number] * 4) for number in range(WIDE)}
    dataset = datasets.open_dataset(write(tmp_path / "d", dialogues(4, **more)), "dialogues")
    assert shards.read(shards.cut(dataset, 4)[0], dataset.schema).equals(dialogues(4, **more))
