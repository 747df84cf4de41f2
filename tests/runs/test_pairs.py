"""Two jobs on one output at once: one is refused, or both agree; nothing is lost, and nothing is mixed."""

import itertools
import os
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pyarrow as pa
import pytest

from emotionscope.bundle import store
from emotionscope.errors import JobError, UserError
from emotionscope.runs import shards
from emotionscope.runs.run import begin
from emotionscope.storage.place import Place
from emotionscope.tables import contracts, datasets
from tests.helpers.bundles import RECORD
from tests.helpers.dialogue_tables import dialogues, write

ROUNDS = int(os.environ.get("EMOTIONSCOPE_PAIRS", "4"))
BATCH = ("score", "extract_keyframes")
SMALL = ("summarise", "prepare_meld", "prepare_videos")
PAIRS = list(itertools.combinations_with_replacement((*BATCH, *SMALL), 2))
ROWS = 6


@pytest.fixture(autouse=True)
def _often_switching() -> Iterator[None]:
    """Threads take turns a hundred times as often as they do otherwise."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(before / 100)
    yield
    sys.setswitchinterval(before)


def work(job: str, place: str, mark: str, dataset: datasets.Dataset) -> str:
    """A job in short: its output says in a column which job, with which setting, made it."""
    made_by = f"{job} {mark}"
    try:
        if job in SMALL:
            output = begin(place, job, {"setting": mark})
            datasets.write_part(pa.table({"made_by": [made_by] * ROWS}), output.uri / "part-0.parquet")
            output.finish_small({"job": job}, {"part-0.parquet": ROWS})
            return made_by
        output = begin(place, job, {"setting": mark}, dataset)
        done, todo = output.find_done(shards.cut(dataset, 2))
        for shard in todo:
            faces = pa.array([[]] * shard.rows, contracts.FACES)
            columns = {"face_count": [0] * shard.rows, "error": pa.nulls(shard.rows, pa.string()), "faces": faces}
            columns |= {"video_error": pa.nulls(shard.rows, pa.string()), "made_by": [made_by] * shard.rows}
            output.write(shard.name, pa.table(columns))
            done.add(shards.tally(pa.table(columns), shard.name, output.contract))
        output.finish(done)
    except (UserError, JobError) as error:
        return f"refused: {error}"
    return made_by


@pytest.mark.parametrize("marks", [("a", "a"), ("a", "b")], ids=["equal", "other"])
@pytest.mark.parametrize("jobs", PAIRS, ids="+".join)
def test_of_two_jobs_on_one_output_one_is_refused_or_both_agree(
    jobs: tuple[str, str], marks: tuple[str, str], tmp_path: Path
) -> None:
    dataset = datasets.open_dataset(write(tmp_path / "in", dialogues(ROWS)), "dialogues")
    for number in range(ROUNDS):
        place = Place(tmp_path / f"out-{number}")
        with ThreadPoolExecutor(2) as threads:
            ends = list(threads.map(lambda job, mark, to=place: work(job, to, mark, dataset), jobs, marks))
        finished = {end for end in ends if not end.startswith("refused")}
        assert len(finished) == 1, ends
        parts = (place / "_summary.json").read_json()["parts"]
        tables = [pa.parquet.read_table(place / part["name"]) for part in parts]
        assert pa.concat_tables(tables)["made_by"].to_pylist() == [*finished] * ROWS
        assert not (place / "_run.json").exists()


@pytest.mark.parametrize("where", ["disk", "s3"])
def test_two_trainings_that_publish_at_once_into_a_new_bundle_both_stay(
    where: str, request: pytest.FixtureRequest
) -> None:
    root = str(request.getfixturevalue("bucket" if where == "s3" else "tmp_path"))
    for number in range(ROUNDS):
        bundle = f"{root}/bundle-{number}"
        with ThreadPoolExecutor(2) as threads:
            list(
                threads.map(lambda part, to=bundle: store.publish(to, part, part.encode(), RECORD), ("text", "vision"))
            )
        assert sorted(store.read_manifest(bundle)["parts"]) == ["text", "vision"]
        assert len(store.versions(bundle)) == 2
        assert "text" in (Place(bundle) / "README.md").read_bytes().decode()
