"""One output, one run: whatever lies in the folder, each row is in the finished table once or a line says why not."""

import json
import os
import shutil
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import asdict
from functools import partial
from pathlib import Path

import pyarrow as pa
import pytest

from emotionscope.errors import JobError, UserError
from emotionscope.runs import shards
from emotionscope.runs.run import Run, begin
from emotionscope.runs.shards import Shard, Totals
from emotionscope.storage.place import Place
from emotionscope.tables import contracts, datasets
from emotionscope.tables.manifest import Summary, check_written
from tests.helpers.dialogue_tables import dialogues, write

SETTINGS = {"bundle": "abc", "shard_rows": 10}
ROWS = 25


@pytest.fixture
def dataset(tmp_path: Path) -> datasets.Dataset:
    return datasets.open_dataset(write(tmp_path / "in", dialogues(ROWS)), "dialogues")


@pytest.fixture
def place(tmp_path: Path) -> str:
    return str(tmp_path / "out")


def annotated(shard: Shard, dataset: datasets.Dataset) -> pa.Table:
    """What a job makes of a shard, in short."""
    table = shards.read(shard, dataset.schema)
    count = pa.array([0] * len(table), pa.int32())
    return table.append_column("face_count", count).append_column("error", pa.nulls(len(table), pa.string()))


def run(
    place: str, dataset: datasets.Dataset, settings: dict[str, object] | None = None, stop_after: int = 99
) -> Summary | None:
    """A job of one process: None where it stops after so many shards, as if killed."""
    output = begin(place, "score", settings or SETTINGS, dataset)
    done, todo = output.find_done(shards.cut(dataset, 10))
    for shard in todo[:stop_after]:
        output.write(shard.name, annotated(shard, dataset))
        done.add(shards.tally(annotated(shard, dataset), shard.name, contracts.SCORES))
    return output.finish(done) if stop_after >= len(todo) else None


def rows_of(place: str) -> list[int]:
    return datasets.read(datasets.open_dataset(place, "dialogues"))["utterance_id"].to_pylist()


def test_a_half_finished_output_is_resumed_with_the_shards_that_it_lacks(place: str, dataset: datasets.Dataset) -> None:
    run(place, dataset, stop_after=1)
    done, todo = begin(place, "score", SETTINGS, dataset).find_done(shards.cut(dataset, 10))
    assert [part.name for part in done.parts] == ["part-00000-0000000000.parquet"]
    assert [shard.start for shard in todo] == [10, 20]
    run(place, dataset)
    assert rows_of(place) == list(range(ROWS))


def test_a_summary_that_the_store_did_not_keep_is_told(place: str, dataset: datasets.Dataset) -> None:
    summary = run(place, dataset)
    assert summary
    parts = {part.name: part.rows for part in summary.parts}
    check_written(place, parts)
    file = Path(place, "_summary.json")
    for lost in (file.read_bytes()[:-40], b"", json.dumps({**asdict(summary), "parts": []}).encode()):
        file.write_bytes(lost)
        with pytest.raises(JobError, match=r"_summary.json: is not there as it was written"):
            check_written(place, parts)
    file.unlink()
    with pytest.raises(JobError, match=r"_summary.json: is not there as it was written"):
        check_written(place, parts)


def test_a_half_finished_output_of_other_settings_is_refused(place: str, dataset: datasets.Dataset) -> None:
    run(place, dataset, stop_after=1)
    with pytest.raises(UserError, match=r"other settings \(bundle differ\)"):
        run(place, dataset, {**SETTINGS, "bundle": "xyz"})


def test_a_finished_output_and_a_foreign_folder_are_refused(
    place: str, dataset: datasets.Dataset, tmp_path: Path
) -> None:
    run(place, dataset)
    with pytest.raises(UserError, match="finished"):
        run(place, dataset)
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("years of work")
    with pytest.raises(UserError, match="holds other files"):
        run(str(tmp_path / "mine"), dataset)
    assert [path.name for path in (tmp_path / "mine").iterdir()] == ["thesis.txt"]


def test_the_summary_is_written_beside_the_parts_it_lists(place: str, dataset: datasets.Dataset) -> None:
    summary = run(place, dataset)
    assert summary and asdict(summary) == (Place(place) / "_summary.json").read_json()
    assert (summary.rows, [part.rows for part in summary.parts]) == (ROWS, [10, 10, 5])


@pytest.mark.parametrize(("where", "rounds"), [("disk", 100), ("s3", 1)])
def test_of_runs_with_other_settings_that_start_at_once_one_gets_the_output(
    where: str, rounds: int, dataset: datasets.Dataset, request: pytest.FixtureRequest
) -> None:
    root = request.getfixturevalue("bucket") if where == "s3" else str(request.getfixturevalue("tmp_path"))

    def start(place: str, number: int) -> Run | str:
        try:
            return begin(place, "score", {**SETTINGS, "bundle": f"b{number}"}, dataset)
        except UserError as error:
            return str(error)

    for place in ((Place(root) / f"out-{number}") for number in range(rounds)):
        with often_switching(), ThreadPoolExecutor(8) as threads:
            ends = list(threads.map(partial(start, place), range(8)))
        assert sum(isinstance(end, Run) for end in ends) == 1
        losers = [end for end in ends if isinstance(end, str)]
        assert all("other settings (bundle differ)" in end for end in losers), losers


@contextmanager
def often_switching() -> Iterator[None]:
    """Threads take turns a hundred times as often as they do otherwise."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(before / 100)
    try:
        yield
    finally:
        sys.setswitchinterval(before)


def test_a_run_that_lost_its_output_to_another_does_not_finish_it(place: str, dataset: datasets.Dataset) -> None:
    first = begin(place, "score", SETTINGS, dataset)
    shutil.rmtree(place)
    run(place, dataset, {**SETTINGS, "bundle": "xyz"}, stop_after=1)
    with pytest.raises(JobError, match="another run took the output"):
        first.finish(Totals())


def test_a_part_of_another_run_is_refused_by_name(place: str, dataset: datasets.Dataset, tmp_path: Path) -> None:
    run(place, dataset, stop_after=1)
    other = str(tmp_path / "other")
    run(other, dataset, {**SETTINGS, "bundle": "xyz"})
    name = "part-00000-0000000010.parquet"
    shutil.copy(Path(other, name), place)
    with pytest.raises(UserError, match=rf"{name}: written by another run"):
        run(place, dataset)


def test_a_stray_part_is_refused_by_name(place: str, dataset: datasets.Dataset) -> None:
    run(place, dataset, stop_after=1)
    shutil.copy(Path(place, "part-00000-0000000000.parquet"), Path(place, "part-00000-copy.parquet"))
    with pytest.raises(UserError, match=r"part-00000-copy.parquet: not a part of this output"):
        run(place, dataset)


def cut_off(content: bytes) -> bytes:
    return content[: len(content) // 2]


def zeroed(content: bytes) -> bytes:
    """The first page's bytes under a footer that is still good."""
    return content[:40] + bytes(100) + content[140:]


@pytest.mark.parametrize(
    "damage", [lambda _: b"", cut_off, zeroed, lambda _: b"not Parquet"], ids=["empty", "cut", "zeroed", "text"]
)
def test_a_damaged_part_is_made_again(
    damage, place: str, dataset: datasets.Dataset, capsys: pytest.CaptureFixture[str]
) -> None:
    run(place, dataset, stop_after=2)
    part = Path(place, "part-00000-0000000010.parquet")
    part.write_bytes(damage(part.read_bytes()))
    run(place, dataset)
    assert f"{part}: damaged" in capsys.readouterr().out
    assert rows_of(place) == list(range(ROWS))


def test_an_input_rewritten_with_as_many_rows_and_bytes_is_another_input(
    tmp_path: Path, place: str, dataset: datasets.Dataset
) -> None:
    run(place, dataset, stop_after=1)
    before = dataset.parts[0]
    texts = pa.array([f"LINE {row}!" for row in range(ROWS)])
    rewritten = datasets.open_dataset(write(tmp_path / "in", dialogues(ROWS, utterance=texts)), "dialogues")
    assert (rewritten.parts[0].rows, rewritten.parts[0].size) == (before.rows, before.size)
    with pytest.raises(UserError, match=r"\(input differ\)"):
        run(place, rewritten)


def test_the_same_name_at_another_address_is_another_input(
    tmp_path: Path, place: str, dataset: datasets.Dataset
) -> None:
    run(place, dataset, stop_after=1)
    shutil.copytree(tmp_path / "in", tmp_path / "elsewhere" / "in")
    with pytest.raises(UserError, match=r"\(input differ\)"):
        run(place, datasets.open_dataset(str(tmp_path / "elsewhere" / "in"), "dialogues"))


@pytest.mark.parametrize("way", ["plain", "dots", "link"])
def test_an_output_inside_the_inputs_folder_is_refused_at_the_first_start(
    way: str, tmp_path: Path, dataset: datasets.Dataset
) -> None:
    (tmp_path / "link").symlink_to(tmp_path / "in", target_is_directory=True)
    inside = {"plain": "in/scores", "dots": "x/../in/a/scores", "link": "link/scores"}[way]
    with pytest.raises(UserError, match="lies in the input's folder"):
        run(os.path.join(tmp_path, inside), dataset)
    assert [path.name for path in (tmp_path / "in").iterdir()] == ["part-0.parquet"]


def test_a_finished_table_that_lost_a_part_or_rows_is_refused_by_name(place: str, dataset: datasets.Dataset) -> None:
    run(place, dataset)
    part = Path(place, "part-00000-0000000010.parquet")
    datasets.write_part(datasets.read(datasets.open_dataset(place, "dialogues")).slice(0, 3), str(part))
    with pytest.raises(UserError, match=rf"{part.name}: has 3 rows, and _summary.json lists 10"):
        rows_of(place)
    part.unlink()
    with pytest.raises(UserError, match=rf"{part.name}: lost"):
        rows_of(place)


def test_a_part_that_the_summary_does_not_list_is_not_read(place: str, dataset: datasets.Dataset) -> None:
    run(place, dataset)
    shutil.copy(Path(place, "part-00000-0000000000.parquet"), Path(place, "part-copy.parquet"))
    Path(place, "part-empty.parquet").touch()
    assert rows_of(place) == list(range(ROWS))


@pytest.mark.parametrize("content", ["", "{", "[]", '{"parts": [3]}', '{"parts": [{"name": "x"}]}'])
def test_a_damaged_summary_is_told_in_one_line(content: str, place: str, dataset: datasets.Dataset) -> None:
    run(place, dataset)
    Path(place, "_summary.json").write_text(content)
    with pytest.raises(UserError, match=r"_summary.json: damaged"):
        rows_of(place)


@pytest.mark.parametrize("content", ["", "{", "[]", "{}", "3", '"x"'])
def test_a_damaged_run_file_is_told_in_one_line(content: str, place: str, dataset: datasets.Dataset) -> None:
    run(place, dataset, stop_after=1)
    Path(place, "_run.json").write_text(content)
    with pytest.raises(UserError, match=r"_run.json: damaged"):
        run(place, dataset)


def test_temporary_files_of_a_killed_writer_are_removed_by_the_next_run(place: str, dataset: datasets.Dataset) -> None:
    run(place, dataset, stop_after=1)
    left = Path(place, ".part-00000-0000000010.parquet.0123abcd.tmp")
    left.write_bytes(b"half")
    mine = Path(place, ".notes.tmp")
    mine.touch()
    run(place, dataset)
    assert not left.exists() and mine.exists()


def test_no_part_holds_more_than_it_says(place: str, dataset: datasets.Dataset) -> None:
    run(place, dataset)
    metadata = pa.parquet.read_metadata(Path(place, "part-00000-0000000020.parquet")).metadata
    note = json.loads(metadata[b"emotionscope"])
    assert (note["job"], note["bundle"], note["rows"], note["input"]["rows"]) == ("score", "abc", 5, ROWS)
