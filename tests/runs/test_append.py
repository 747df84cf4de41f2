"""Adding to a finished table: every row once, the old ones untouched, readable the whole time, on disk and in S3."""

import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from emotionscope.errors import JobError, UserError
from emotionscope.runs import arrivals, shards
from emotionscope.runs.run import Run, begin
from emotionscope.runs.shards import Shard
from emotionscope.storage.place import Place
from emotionscope.tables import contracts, datasets
from emotionscope.tables.manifest import Summary
from tests.helpers.dialogue_tables import dialogues

SETTINGS = {"bundle": "abc", "shard_rows": 10}
EACH = 25  # rows of a file


@pytest.fixture(params=["disk", "s3"])
def root(request: pytest.FixtureRequest) -> str:
    return str(request.getfixturevalue("bucket" if request.param == "s3" else "tmp_path"))


@pytest.fixture
def disk(tmp_path: Path) -> str:
    return str(tmp_path)


def drop(root: str, name: str, number: int, **columns: pa.Array) -> str:
    """Put a file into the input's folder; its utterances have the ids from `number` times EACH."""
    ids = pa.array(range(number * EACH, (number + 1) * EACH), pa.int64())
    uri = f"{root}/in/{name}"
    datasets.write_part(dialogues(EACH, **({"utterance_id": ids} | columns)), uri)
    return uri


def scored(shard: Shard, dataset: datasets.Dataset) -> pa.Table:
    """A shard's rows with the columns of scores, all null."""
    table = shards.read(shard, dataset.schema)
    schema = contracts.scores_schema(dataset.schema)
    return pa.table([datasets.column_or_nulls(table, field.name, field.type) for field in schema], schema=schema)


def work(output: Run, dataset: datasets.Dataset, stop_after: int) -> Summary | None:
    """A job of one process: None where it stops after so many shards, as if killed."""
    done, todo = output.find_done(shards.cut(dataset, 10, output.first_file))
    for shard in todo[:stop_after]:
        output.write(shard.name, scored(shard, dataset))
        done.add(shards.tally(scored(shard, dataset), shard.name, contracts.SCORES))
    return output.finish(done) if stop_after >= len(todo) else None


def make(root: str) -> None:
    dataset = datasets.open_dataset(f"{root}/in", "dialogues")
    work(begin(f"{root}/out", "score", SETTINGS, dataset), dataset, 99)


def find(root: str) -> arrivals.Arrivals:
    found = arrivals.find(f"{root}/out", f"{root}/in", "dialogues")
    assert found
    return found


def add(root: str, stop_after: int = 99, settings: dict[str, object] | None = None) -> Summary | None:
    found = find(root)
    assert found.dataset
    return work(begin(f"{root}/out", "score", settings or SETTINGS, found.dataset, found), found.dataset, stop_after)


def rows_of(root: str) -> list[int]:
    return datasets.read(datasets.open_dataset(f"{root}/out", "scores"))["utterance_id"].to_pylist()


def ids(*numbers: int) -> list[int]:
    return [row for number in numbers for row in range(number * EACH, (number + 1) * EACH)]


def test_new_files_are_added_after_the_rows_that_are_there(root: str) -> None:
    drop(root, "b.parquet", 0)
    make(root)
    old = {file.uri: Place(file.uri).read_bytes() for file in Place(f"{root}/out").list(".parquet")}
    drop(root, "a.parquet", 1)
    drop(root, "night/c.parquet", 2)
    summary = add(root)
    assert rows_of(root) == ids(0, 1, 2)
    assert summary and (summary.rows, [run.rows for run in summary.runs]) == (3 * EACH, [EACH, 2 * EACH])
    assert old == {uri: Place(uri).read_bytes() for uri in old}
    assert find(root).dataset is None
    assert not Place(f"{root}/out/_run.json").exists()


def test_the_table_is_read_as_it_was_until_all_that_is_new_is_there(root: str) -> None:
    drop(root, "a.parquet", 0)
    make(root)
    drop(root, "b.parquet", 1)
    add(root, stop_after=2)
    assert rows_of(root) == ids(0)
    add(root)
    assert rows_of(root) == ids(0, 1)


def test_a_stopped_run_is_resumed_with_its_own_files_and_later_ones_follow(root: str) -> None:
    drop(root, "a.parquet", 0)
    make(root)
    drop(root, "c.parquet", 1)
    add(root, stop_after=2)
    drop(root, "b.parquet", 2)
    found = find(root)
    assert found.resumed and found.dataset and [part.uri for part in found.dataset.parts] == [f"{root}/in/c.parquet"]
    summary = add(root)
    assert summary and summary.last.rows == EACH
    assert rows_of(root) == ids(0, 1)
    add(root)
    assert rows_of(root) == ids(0, 1, 2)


@pytest.mark.parametrize("compression", ["none", "zstd"])
def test_a_file_that_has_changed_is_refused_though_its_footer_is_the_same(disk: str, compression: str) -> None:
    uri = Path(drop(disk, "a.parquet", 0))
    pq.write_table(texts("first"), uri, compression=compression, write_statistics=False)
    make(disk)
    kept = uri.stat()
    before = uri.read_bytes()
    pq.write_table(texts("fir5t"), uri, compression=compression, write_statistics=False)
    with pytest.raises(UserError, match=r"a.parquet: changed since its rows were scored"):
        find(disk)
    uri.write_bytes(before)
    os.utime(uri, ns=(kept.st_atime_ns, kept.st_mtime_ns))
    assert find(disk).dataset is None


def rewrite(uri: str) -> None:
    """Write a file again as it is, until it has another time of change, which S3 tells in seconds."""
    content, before = Place(uri).read_bytes(), Place(uri).list()
    while Place(uri).list() == before:
        Place(uri).write_bytes(content)


def test_a_file_that_was_only_touched_or_copied_has_not_changed(root: str) -> None:
    touched = drop(root, "a.parquet", 0)
    drop(root, "b.parquet", 1)
    make(root)
    rewrite(touched)
    assert find(root).dataset is None
    drop(root, "c.parquet", 2)
    summary = add(root)
    assert summary and summary.inputs[0].modified == Place(touched).list()[0].modified
    assert rows_of(root) == ids(0, 1, 2)


def texts(text: str) -> pa.Table:
    return dialogues(EACH, utterance=pa.array([text] * EACH))


def test_the_rows_of_a_file_that_is_gone_stay(disk: str) -> None:
    uri = drop(disk, "a.parquet", 0)
    time = os.stat(uri).st_mtime_ns
    make(disk)
    Place(uri).delete()
    drop(disk, "b.parquet", 1)
    assert find(disk).vanished == ["a.parquet"]
    add(disk)
    assert rows_of(disk) == ids(0, 1)
    os.utime(drop(disk, "a.parquet", 0), ns=(time, time))  # restored
    assert find(disk).dataset is None


@pytest.mark.parametrize(
    ("columns", "reason"),
    [
        ({"place": pa.array(["x"] * EACH)}, "columns differ from those of the table to add to: place"),
        ({"mood": pa.array([0.5] * EACH)}, "column 'mood' is not int64, as it is in the table to add to"),
        ({"mood": pa.array(["x"] * EACH)}, "column's type differs"),
        ({"utterance_id": pa.array([2**63] * EACH, pa.uint64())}, "cannot be read as int64"),
    ],
)
def test_a_new_file_that_does_not_fit_waits_and_the_others_are_added(
    columns: dict[str, pa.Array], reason: str, disk: str
) -> None:
    mood = {"mood": pa.array(range(EACH), pa.int64())}
    drop(disk, "a.parquet", 0, **mood)
    make(disk)
    drop(disk, "b.parquet", 1, **(mood | columns))
    drop(disk, "c.parquet", 2, mood=pa.array(range(EACH), pa.int32()))
    assert reason in find(disk).unreadable["b.parquet"]
    add(disk)
    assert rows_of(disk) == ids(0, 2)
    drop(disk, "b.parquet", 1, **mood)
    add(disk)
    assert rows_of(disk) == ids(0, 2, 1)


def test_a_broken_file_of_a_stopped_run_may_be_replaced(disk: str) -> None:
    drop(disk, "a.parquet", 0)
    make(disk)
    for name, number in (("b.parquet", 1), ("c.parquet", 2)):
        drop(disk, name, number)
    add(disk, stop_after=4)
    drop(disk, "b.parquet", 3)
    Place(f"{disk}/in/c.parquet").delete()
    found = find(disk)
    assert found.dataset and not found.resumed
    add(disk)
    assert rows_of(disk) == ids(0, 3)
    assert len(Place(f"{disk}/out").list(".parquet")) == 6  # none is left of the stopped run


def test_partition_folders_have_the_types_that_they_had(disk: str) -> None:
    drop(disk, "day=first/a.parquet", 0)
    make(disk)
    drop(disk, "day=2/a.parquet", 1)
    add(disk)
    days = datasets.read(datasets.open_dataset(f"{disk}/out", "scores"))["day"].to_pylist()
    assert days == ["first"] * EACH + ["2"] * EACH


@pytest.mark.parametrize(
    "kind",
    [
        pa.timestamp("s"), pa.timestamp("ns", "UTC"), pa.uint32(), pa.float16(), pa.date64(), pa.duration("s"),
        pa.large_string(), pa.large_list(pa.int32()), pa.list_(pa.struct([("a", pa.int8())])), pa.decimal128(9, 2),
        pa.dictionary(pa.int8(), pa.string()), pa.map_(pa.string(), pa.int32()), pa.null(), pa.time32("s"),
    ],
    ids=str,
)  # fmt: skip
def test_columns_of_any_type_are_added_in_their_own(kind: pa.DataType, disk: str) -> None:
    for number, name in enumerate(("a.parquet", "b.parquet")):
        drop(disk, name, number, more=pa.nulls(EACH, kind))
        if not number:
            make(disk)
    add(disk)
    assert rows_of(disk) == ids(0, 1)
    types = {pq.read_schema(file.uri).field("more").type for file in Place(f"{disk}/out").list(".parquet")}
    assert len(types) == 1


def test_other_settings_are_refused_with_what_they_were(disk: str) -> None:
    drop(disk, "a.parquet", 0)
    make(disk)
    drop(disk, "b.parquet", 1)
    with pytest.raises(UserError, match=r"other settings \(bundle abc then, xyz now\)"):
        add(disk, settings={**SETTINGS, "bundle": "xyz"})
    assert rows_of(disk) == ids(0)
    assert not Place(f"{disk}/out/_run.json").exists()


def test_an_input_at_another_address_is_refused(disk: str) -> None:
    drop(disk, "a.parquet", 0)
    make(disk)
    os.rename(f"{disk}/in", f"{disk}/moved")
    with pytest.raises(UserError, match="only what arrives there can be added"):
        arrivals.find(f"{disk}/out", f"{disk}/moved", "dialogues")


def test_an_output_that_is_not_there_or_not_finished_has_no_arrivals(disk: str) -> None:
    drop(disk, "a.parquet", 0)
    assert arrivals.find(f"{disk}/out", f"{disk}/in", "dialogues") is None


def test_of_runs_that_begin_at_once_with_other_files_one_adds_its_own(root: str) -> None:
    drop(root, "a.parquet", 0)
    make(root)
    found = []
    for number in range(1, 5):
        drop(root, f"b{number}.parquet", number)
        found.append(find(root))

    def start(found: arrivals.Arrivals) -> Run | str:
        try:
            return begin(f"{root}/out", "score", SETTINGS, found.dataset, found)
        except UserError as error:
            return str(error)

    with ThreadPoolExecutor(4) as threads:
        ends = list(threads.map(start, found))
    assert sum(isinstance(end, Run) for end in ends) == 1
    assert all("another run is adding to it" in end for end in ends if isinstance(end, str))
    while find(root).dataset:
        add(root)
    assert sorted(rows_of(root)) == ids(0, 1, 2, 3, 4)


def test_two_processes_that_share_a_run_add_its_rows_once(root: str) -> None:
    drop(root, "a.parquet", 0)
    make(root)
    drop(root, "b.parquet", 1)
    pair = [find(root), find(root)]
    outputs = [begin(f"{root}/out", "score", SETTINGS, each.dataset, each) for each in pair]
    for output, found in zip(outputs, pair, strict=True):
        assert found.dataset
        summary = work(output, found.dataset, 99)
        assert summary and summary.rows == 2 * EACH
    assert rows_of(root) == ids(0, 1)


def test_a_run_that_began_before_another_has_added_the_same_files_ends(disk: str) -> None:
    drop(disk, "a.parquet", 0)
    make(disk)
    drop(disk, "b.parquet", 1)
    late = find(disk)
    add(disk)
    with pytest.raises(JobError, match="has just added to it"):
        begin(f"{disk}/out", "score", SETTINGS, late.dataset, late)
    drop(disk, "c.parquet", 2)
    add(disk)
    assert rows_of(disk) == ids(0, 1, 2)


def test_a_run_killed_between_its_summary_and_its_end_has_finished(disk: str) -> None:
    drop(disk, "a.parquet", 0)
    make(disk)
    drop(disk, "b.parquet", 1)
    add(disk, stop_after=0)
    claim = Place(f"{disk}/out/_run.json").read_bytes()
    add(disk)
    Place(f"{disk}/out/_run.json").write_bytes(claim)
    assert find(disk).dataset is None
    drop(disk, "c.parquet", 2)
    add(disk)
    assert rows_of(disk) == ids(0, 1, 2)


def test_a_lost_part_of_the_table_and_a_stray_one_are_named(disk: str) -> None:
    drop(disk, "a.parquet", 0)
    make(disk)
    drop(disk, "b.parquet", 1)
    stray = f"{disk}/out/part-mine.parquet"
    drop(disk, "../out/part-mine.parquet", 2)
    with pytest.raises(UserError, match=r"part-mine.parquet: not a part of this output"):
        add(disk)
    Place(stray).delete()
    Place(f"{disk}/out/part-00000-0000000010.parquet").delete()
    with pytest.raises(UserError, match=r"part-00000-0000000010.parquet: lost, though _summary.json lists it"):
        add(disk)


def test_a_damaged_claim_may_be_deleted(disk: str) -> None:
    drop(disk, "a.parquet", 0)
    make(disk)
    drop(disk, "b.parquet", 1)
    add(disk, stop_after=2)
    Place(f"{disk}/out/_run.json").write_bytes(b"{")
    with pytest.raises(UserError, match=r"_run.json: damaged.*delete this file"):
        find(disk)
    Place(f"{disk}/out/_run.json").delete()
    add(disk)
    assert rows_of(disk) == ids(0, 1)
