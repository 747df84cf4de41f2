"""`kill -9` of a writer of small files at any of its file operations, on disk and in S3.

Readers see what was there or what is new, never half of it, and the same command again gives what an undisturbed one
gives. EMOTIONSCOPE_KILLS is the number of kills of each writer in each place, 3 unless told. A test's name ends in its
seed; EMOTIONSCOPE_KILLS_SEED repeats the kills from that seed on.
"""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from random import Random

import pytest

from emotionscope.bundle import model_card, store
from emotionscope.commands import summarise
from emotionscope.dashboard.queries import reviews
from emotionscope.dashboard.queries.reviews import Review
from emotionscope.storage.place import Place
from emotionscope.tables import datasets, manifest
from tests.helpers import killing
from tests.helpers.bundles import RECORD
from tests.helpers.scores_tables import one_answer, scores


@dataclass(frozen=True)
class Work:
    """A writer below a place: what is there before, the writing, and what a reader sees."""

    prepare: Callable[[str], object]
    write: Callable[[str], object]
    read: Callable[[str], object]


def put_scores(place: str) -> None:
    emotions = ["joy", "anger", None, "joy"]
    answers = {"fused": [one_answer(emotion) for emotion in emotions]}
    table = scores(emotions, answers, speaker=["Ann", "Ben", "Ann", "Ben"], start=[0.0, 1.0, 61.0, 62.0])
    datasets.write_part(table, f"{place}/scores/part-0.parquet")


def write_summaries(place: str) -> None:
    summarise.run(summarise.Summarise(scores=f"{place}/scores", output=f"{place}/out"))


def read_summaries(place: str) -> dict[str, bytes] | None:
    """All files of summaries that are finished."""
    if not manifest.run_ids(Place(f"{place}/out")):
        return None
    files = {file.name: file.uri.read_bytes() for file in Place(f"{place}/out").list()}
    listed = manifest.listed_parts(f"{place}/out") or ()
    assert files.keys() == {name.replace("parquet", kind) for name in listed for kind in ("parquet", "csv")}
    return files


def put_bundle(place: str) -> None:
    for part in ("text", "vision"):
        store.publish(f"{place}/bundle", part, f"first {part}".encode(), RECORD)


def publish(place: str) -> None:
    store.publish(f"{place}/bundle", "text", b"second text", RECORD, replace=True)


def read_bundle(place: str) -> dict[str, bytes]:
    """The parts of the newest version. Whatever versions are listed are whole."""
    base = Place(f"{place}/bundle")
    for each in store.versions(base):
        parts = store.read_manifest(f"{base}@{each['version']}")["parts"]
        found = {name: (base / part["file"]).read_bytes() for name, part in parts.items()}
        digests = {name: hashlib.sha256(content).hexdigest() for name, content in found.items()}
        assert digests == {name: part["sha256"] for name, part in parts.items()}
    return {name: (base / part["file"]).read_bytes() for name, part in store.read_manifest(base)["parts"].items()}


def put_review(place: str) -> None:
    reviews.add(place, Review("d", 0, "Ann", "joy", "joy", "", "2026-01-01T00:00:00+00:00"))


def write_review(place: str) -> None:
    reviews.add(place, Review("d", 0, "Ben", "joy", "anger", "no", "2026-01-01T00:00:01+00:00"))


WORKS = {
    "summarise": Work(put_scores, write_summaries, read_summaries),
    "publish": Work(put_bundle, publish, read_bundle),
    "review": Work(put_review, write_review, reviews.read),
}


@cache
def operations(name: str, root: str) -> tuple[int, object]:
    """How many operations a writer does that nobody kills, and what is read then."""
    work, place = WORKS[name], f"{root}/{name}-undisturbed"
    work.prepare(place)
    return killing.operations(work.write, place), work.read(place)


@pytest.fixture(scope="module")
def disk(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(tmp_path_factory.mktemp("small"))


@pytest.mark.parametrize("seed", killing.seeds(3))
@pytest.mark.parametrize("where", ["disk", "s3"])
@pytest.mark.parametrize("name", WORKS)
def test_a_writer_that_is_killed_leaves_the_old_or_the_new_and_can_be_run_again(
    name: str, where: str, seed: int, disk: str, request: pytest.FixtureRequest
) -> None:
    root = disk if where == "disk" else str(request.getfixturevalue("bucket"))
    work, (count, wanted) = WORKS[name], operations(name, root)
    place, operation = f"{root}/{name}-{seed}", Random(seed).randint(1, count)
    work.prepare(place)
    before = work.read(place)
    killing.kill(work.write, place, operation)
    found = work.read(place)
    print(f"{name} killed at operation {operation} of {count}: {'old' if found == before else 'new'}")
    assert found in (before, wanted)
    runs_again = name != "summarise" or found == before  # else it is finished, and says so
    if runs_again:
        work.write(place)
    assert work.read(place) == wanted
    if name == "publish":
        assert len(store.versions(f"{place}/bundle")) == 3
        card = (Place(place) / f"bundle/{store.CARD}").read_bytes().decode()
        assert card == model_card.render(store.read_manifest(f"{place}/bundle"))
    if where == "disk" and name != "review" and runs_again:
        assert not list(Path(place).rglob("*.tmp"))
