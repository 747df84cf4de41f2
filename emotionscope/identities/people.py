"""From a faces table to the people of an archive: `identities`, `people` and `centroids`, a Parquet file each."""

import os
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from emotionscope.errors import UserError
from emotionscope.identities import corrections as corrections_
from emotionscope.identities import faces as faces_
from emotionscope.identities import joining, names
from emotionscope.identities.corrections import Corrected
from emotionscope.identities.joining import Identities, Known
from emotionscope.identities.names import Name
from emotionscope.recognition import linkage
from emotionscope.recognition.embedding import SIZE
from emotionscope.storage.place import JsonObject, Place
from emotionscope.tables import contracts, datasets
from emotionscope.tables.datasets import Dataset
from emotionscope.tables.manifest import SUMMARY

MEMORY = "1GB"  # that DuckDB may fill; beyond, it works on disk
IDENTITIES, PEOPLE, CENTROIDS = "identities.parquet", "people.parquet", "centroids.parquet"
_PERSON = pa.schema([("video", pa.string()), ("person", pa.int32()), ("identity", pa.int64())])
_CENTROID = pa.schema([("identity", pa.int64()), ("embeddings", pa.float32()), ("sum", contracts.EMBEDDING)])


@dataclass(frozen=True)
class Sources:
    """What tells who is who beside the faces: an earlier output, portraits, corrections, and the scores."""

    known: Place | None = None
    portraits: Place | None = None
    corrections: Place | None = None
    scores: Dataset | None = None


@dataclass(frozen=True)
class People:
    """Counts: identities, those with a name, persons of films, and those whose identity is not known."""

    identities: int
    named: int
    persons: int
    unknown: int


def find(faces: Dataset, sources: Sources, output: Place) -> tuple[People, dict[str, int], JsonObject]:
    """Write who is who in a faces table below `output`: counts, the rows of each file, and facts for the next run.

    Raises UserError for sources that cannot be read.
    """
    wanted = corrections_.read(sources.corrections) if sources.corrections else []
    portraits = names.portraits(sources.portraits) if sources.portraits else {}
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "faces.duckdb")
        with duckdb.connect(path, config={"memory_limit": MEMORY, "temp_directory": folder}) as connection:
            persons = faces_.load(connection, faces)
            places = _places(connection)
            known, earlier, split = _known(sources.known, places, len(persons.counts))
            identity = joining.join(persons, known, corrections_.aside(wanted, places, len(persons.counts)))
            found_first = Corrected(identity, max(known.next, int(identity.max(initial=-1)) + 1), split)
            corrected = corrections_.apply(wanted, str(sources.corrections), found_first, places)
            known = _merged(known, corrected.merged)
            found = joining.gather(corrected.identity, persons, known, corrected.next)
            rows = _write_identities(connection, corrected.identity, earlier, corrected.merged, output)
            named = names.by_speech(names.votes(connection, sources.scores)) if sources.scores else {}
            named |= names.by_portraits(found, portraits) if portraits else {}
            for number, name in corrected.names.items():
                named.pop(number, None)
                named |= {number: Name(name, "correction", 1.0, 1)} if name else {}
            _write_people(connection, found, named, output)
    datasets.write_part(_centroids(found), output / CENTROIDS)
    unknown = int((corrected.identity < 0).sum())
    counts = People(len(found.numbers), len(named.keys() & set(found.numbers.tolist())), len(identity), unknown)
    return (
        counts,
        {IDENTITIES: rows, PEOPLE: counts.identities, CENTROIDS: counts.identities},
        {
            "next_identity": found.next,
            "split": sorted(corrected.split),
        },
    )


def who_is_who(folder: Place) -> pa.Table:
    """The persons of the videos of a finished output: video, person, identity, name. Raises UserError for another."""
    _check_output(folder)
    names_ = _read(folder, PEOPLE, pa.schema([("identity", pa.int64()), ("name", pa.string())]))
    return _read(folder, IDENTITIES, _PERSON).join(names_, "identity")


def _check_output(folder: Place) -> JsonObject:
    if not (folder / SUMMARY).exists():
        raise UserError(f"{folder}: not a finished output of people")
    summary = (folder / SUMMARY).read_json()
    if not isinstance(summary, dict) or summary.get("job") != "people":
        raise UserError(f"{folder}: not an output of people")
    return summary


def _places(connection: duckdb.DuckDBPyConnection) -> dict[tuple[str, int], int]:
    rows = connection.execute("SELECT video, person, number FROM persons WHERE embedded > 0").fetchall()
    return {(video, person): number for video, person, number in rows}


def _known(
    uri: Place | None, places: Mapping[tuple[str, int], int], persons: int
) -> tuple[Known, pa.Table, set[tuple[str, int]]]:
    """What an earlier output tells, its persons who are not in the table now, and who was split in it.

    Raises UserError where it is none.
    """
    if uri is None:
        return joining.nothing_known(persons), _PERSON.empty_table(), set()
    summary = _check_output(uri)
    rows, centroids = (_read(uri, name, schema) for name, schema in ((IDENTITIES, _PERSON), (CENTROIDS, _CENTROID)))
    centroids = centroids.sort_by("identity")
    of_persons, gone = np.full(persons, -1, np.int64), []
    for at, (video, person, identity) in enumerate(zip(*rows.to_pydict().values(), strict=True)):
        place = places.get((video, person))
        if place is None:
            gone.append(at)
        elif identity is not None:
            of_persons[place] = identity
    sums = np.array(centroids["sum"].to_pylist(), np.float32).reshape(-1, SIZE)
    numbers, counts = centroids["identity"].to_numpy(), centroids["embeddings"].to_numpy()
    of_persons[~np.isin(of_persons, numbers)] = -1  # their identity was deleted
    split = {(video, person) for video, person in summary["split"]}
    return Known(numbers, sums, counts, of_persons, int(summary["next_identity"])), rows.take(gone), split


def _read(uri: Place, name: str, schema: pa.Schema) -> pa.Table:
    filesystem, path = (uri / name).arrow()
    try:
        return pq.read_table(path, filesystem=filesystem, columns=schema.names).cast(schema)
    except (pa.ArrowException, OSError, KeyError) as error:
        raise UserError(f"{uri / name}: cannot be read: {error}") from error


def _merged(known: Known, merged: Mapping[int, int]) -> Known:
    """What is known, with identities that are now another added to that one."""
    numbers, of_persons = known.numbers.copy(), known.of_persons.copy()
    for one, other in merged.items():
        numbers[numbers == one] = other
        of_persons[of_persons == one] = other
    kept, place = np.unique(numbers, return_inverse=True)
    sums, counts = np.zeros((len(kept), SIZE), np.float32), np.zeros(len(kept), np.float32)
    np.add.at(sums, place, known.sums)
    np.add.at(counts, place, known.counts)
    return Known(kept, sums, counts, of_persons, known.next)


def _write_identities(
    connection: duckdb.DuckDBPyConnection,
    identity: np.ndarray,
    earlier: pa.Table,
    merged: Mapping[int, int],
    output: Place,
) -> int:
    """Make the table ``identities`` of all persons, and write it; its rows."""
    found = pa.table({"number": np.arange(len(identity)), "identity": pa.array(identity, mask=identity < 0)})
    connection.register("found", found)
    connection.register("earlier", earlier)
    connection.register(
        "merged", pa.table({"one": pa.array(merged.keys(), pa.int64()), "other": pa.array(merged.values(), pa.int64())})
    )
    connection.execute(
        """
        CREATE TABLE identities AS
        SELECT video, person::INTEGER AS person, identity::BIGINT AS identity, faces, seconds
        FROM persons LEFT JOIN found USING (number)
        UNION ALL SELECT video, person, coalesce(other, identity), NULL, NULL
        FROM earlier LEFT JOIN merged ON identity = one
        """
    )
    table = connection.sql("SELECT video, person, identity FROM identities ORDER BY video, person").to_arrow_table()
    datasets.write_part(table.cast(_PERSON), output / IDENTITIES)
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


def _centroids(found: Identities) -> pa.Table:
    sums = pa.array(found.sums.tolist(), contracts.EMBEDDING)
    return pa.table([pa.array(found.numbers), pa.array(found.counts, pa.float32()), sums], schema=_CENTROID)
