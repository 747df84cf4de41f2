"""From a faces table to the people of an archive: `identities`, `people` and `centroids`, a Parquet file each."""

import os
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from emotionscope.errors import UserError
from emotionscope.identities import faces as faces_
from emotionscope.identities import joining, names
from emotionscope.identities.faces import Persons
from emotionscope.identities.joining import Identities
from emotionscope.identities.names import Name
from emotionscope.recognition import linkage
from emotionscope.recognition.embedding import SIZE
from emotionscope.storage.place import JsonObject, Place
from emotionscope.tables import contracts, corrections, datasets
from emotionscope.tables.corrections import Correction, Person, Who
from emotionscope.tables.datasets import Dataset
from emotionscope.tables.manifest import SUMMARY

MEMORY = "1GB"  # that DuckDB may fill; beyond, it works on disk
IDENTITIES, PEOPLE, CENTROIDS = "identities.parquet", "people.parquet", "centroids.parquet"
_WHO = pa.schema([("video", pa.string()), ("person", pa.int32()), ("identity", pa.int64())])
_NAME = pa.schema([("identity", pa.int64()), ("name", pa.string())])
_PERSON = pa.schema([*_WHO, ("faces", pa.int64()), ("seconds", pa.float64())])
_CENTROID = pa.schema([*_WHO, ("embeddings", pa.float32()), ("sum", contracts.EMBEDDING)])


@dataclass(frozen=True)
class Sources:
    """What tells who is who beside the faces and their corrections: an earlier output, portraits, and the scores."""

    known: Place | None = None
    portraits: Place | None = None
    scores: Dataset | None = None


@dataclass(frozen=True)
class People:
    """Counts: identities, those with a name, persons of films, those whose identity is not known, and corrections."""

    identities: int
    named: int
    persons: int
    unknown: int
    corrections: int


def find(faces: Dataset, sources: Sources, output: Place) -> tuple[People, dict[str, int], JsonObject]:
    """Write who is who in a faces table below `output`: counts, the rows of each file, and facts for the next run.

    Raises UserError for sources that cannot be read.
    """
    said = corrections.read(faces.uri)
    portraits = names.portraits(sources.portraits) if sources.portraits else {}
    earlier, centroids, first = _earlier(sources.known)
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "faces.duckdb")
        with duckdb.connect(path, config={"memory_limit": MEMORY, "temp_directory": folder}) as connection:
            faces_.load(connection, faces, said)
            persons = faces_.add_earlier(connection, earlier, centroids)
            places = {key: number for number, key in enumerate(persons.keys)}
            identity = joining.join_as_said(persons, _known(earlier, places), first, _by_number(said, places))
            found = joining.gather(identity, persons)
            rows = _write_identities(connection, identity, output)
            named = names.by_speech(names.votes(connection, sources.scores, said)) if sources.scores else {}
            named |= names.by_portraits(found.numbers.tolist(), found.sums, portraits) if portraits else {}
            for person, name in corrections.names(said):
                if person in places and identity[places[person]] >= 0:
                    named[int(identity[places[person]])] = Name(name, "correction", 1.0, 1)
            _write_people(connection, found, named, output)
    embedded = _write_centroids(persons, identity, output)
    unknown = int((identity[persons.counts > 0] < 0).sum())
    counts = People(len(found.numbers), len(named), int((persons.counts > 0).sum()), unknown, len(said))
    facts = {"next_identity": joining.following(identity, first)}
    return counts, {IDENTITIES: rows, PEOPLE: counts.identities, CENTROIDS: embedded}, facts


def who_is_who(folder: Place) -> dict[Person, Who]:
    """The persons of the videos of a finished output. Raises UserError for another."""
    _check_output(folder)
    named = dict(zip(*_read(folder, PEOPLE, _NAME).to_pydict().values(), strict=True))
    rows = zip(*_read(folder, IDENTITIES, _WHO).to_pydict().values(), strict=True)
    return {(video, person): Who(identity, named.get(identity)) for video, person, identity in rows}


def _check_output(folder: Place) -> JsonObject:
    if not (folder / SUMMARY).exists():
        raise UserError(f"{folder}: not a finished output of people")
    summary = (folder / SUMMARY).read_json()
    if not isinstance(summary, dict) or summary.get("job") != "people":
        raise UserError(f"{folder}: not an output of people")
    return summary


def _read(uri: Place, name: str, schema: pa.Schema) -> pa.Table:
    filesystem, path = (uri / name).arrow()
    try:
        return pq.read_table(path, filesystem=filesystem, columns=schema.names).cast(schema)
    except (pa.ArrowException, OSError, KeyError, ValueError) as error:
        raise UserError(f"{uri / name}: cannot be read: {error}") from error


def _earlier(uri: Place | None) -> tuple[pa.Table, pa.Table, int]:
    """The persons and the centroids of an earlier output, and the first number that was never given."""
    if uri is None:
        return _PERSON.empty_table(), _CENTROID.empty_table(), 0
    first = int(_check_output(uri)["next_identity"])
    return _read(uri, IDENTITIES, _PERSON), _read(uri, CENTROIDS, _CENTROID), first


def _known(earlier: pa.Table, places: Mapping[Person, int]) -> np.ndarray:
    """The identity that each person had, -1 for none."""
    found = np.full(len(places), -1, np.int64)
    for video, person, identity in zip(*(earlier[name].to_pylist() for name in _WHO.names), strict=True):
        if identity is not None and (video, person) in places:
            found[places[video, person]] = identity
    return found


def _by_number(said: Sequence[Correction], places: Mapping[Person, int]) -> list[joining.Link]:
    """What was said of pairs of persons who are there."""
    links = corrections.links(said).items()
    return [(places[one], places[other], same) for (one, other), same in links if {one, other} <= places.keys()]


def _write_identities(connection: duckdb.DuckDBPyConnection, identity: np.ndarray, output: Place) -> int:
    """Make the table ``identities`` of all persons, and write it; its rows."""
    found = pa.table({"number": np.arange(len(identity)), "identity": pa.array(identity, mask=identity < 0)})
    connection.register("found", found)
    connection.execute(
        "CREATE TABLE identities AS SELECT video, person::INTEGER AS person, identity, faces, seconds "
        "FROM persons JOIN found USING (number)"
    )
    table = connection.sql("FROM identities ORDER BY video, person").to_arrow_table().cast(_PERSON)
    datasets.write_part(table, output / IDENTITIES)
    return len(table)


def _write_people(
    connection: duckdb.DuckDBPyConnection, found: Identities, named: Mapping[int, Name], output: Place
) -> None:
    """Write a row for each identity: its name and why, where it is seen, its best face, and who is most alike."""
    given = [named.get(number) for number in found.numbers.tolist()]
    made = pa.table(
        {
            "identity": pa.array(found.numbers, pa.int64()),
            "name": pa.array([each and each.name for each in given], pa.string()),
            "name_source": pa.array([each and each.source for each in given], pa.string()),
            "name_evidence": pa.array([each and each.evidence for each in given], pa.float32()),
            "name_count": pa.array([each and each.count for each in given], pa.int64()),
            "nearest": pa.array(found.nearest, pa.int64(), mask=found.nearest < 0),
            "nearest_cosine": pa.array(found.cosine, pa.float32(), mask=found.nearest < 0),
            "margin": pa.array(linkage.SAME - found.cosine, pa.float32(), mask=found.nearest < 0),
        }
    )
    connection.register("made", made)
    table = connection.sql(
        """
        SELECT m.identity, name, name_source, name_evidence, name_count, coalesce(s.faces, 0)::BIGINT AS faces,
            coalesce(s.videos, 0) AS videos, round(coalesce(s.seconds, 0), 3) AS seconds, portrait,
            nearest, nearest_cosine, margin
        FROM made m LEFT JOIN (
            SELECT identity, sum(faces) AS faces, count(DISTINCT video) AS videos, sum(seconds) AS seconds
            FROM identities WHERE identity IS NOT NULL GROUP BY identity
        ) s ON m.identity = s.identity LEFT JOIN (
            SELECT identity, first(
                {'video': video, 'time': time, 'box': box} ORDER BY quality DESC NULLS LAST, video, time) AS portrait
            FROM faces JOIN identities USING (video, person)
            WHERE identity IS NOT NULL AND embedding IS NOT NULL GROUP BY identity
        ) p ON m.identity = p.identity
        ORDER BY m.identity
        """
    ).to_arrow_table()
    datasets.write_part(table, output / PEOPLE)


def _write_centroids(persons: Persons, identity: np.ndarray, output: Place) -> int:
    """Write the sum of the embeddings of each person who has any; the rows."""
    embedded = np.flatnonzero(persons.counts)
    videos, numbers = zip(*(persons.keys[place] for place in embedded), strict=True)
    own = identity[embedded]
    offsets = np.arange(len(embedded) + 1, dtype=np.int32) * SIZE
    sums = pa.ListArray.from_arrays(offsets, persons.sums[embedded].ravel())
    columns = [videos, numbers, pa.array(own, mask=own < 0), persons.counts[embedded], sums]
    table = pa.table([*map(pa.array, columns)], _CENTROID.names).cast(_CENTROID)
    datasets.write_part(table.sort_by([("video", "ascending"), ("person", "ascending")]), output / CENTROIDS)
    return len(table)
