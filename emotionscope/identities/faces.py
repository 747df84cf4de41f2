"""The persons of a faces table: how each looks, and which of them are in one picture.

The table is read once, in the columns that count, into a DuckDB database on disk. What stays in memory is the embedding
of each person of each film, half a kilobyte.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import duckdb
import numpy as np
import pyarrow as pa

from emotionscope.errors import UserError
from emotionscope.recognition.embedding import SIZE
from emotionscope.tables import corrections as corrections_
from emotionscope.tables.corrections import Correction, Person
from emotionscope.tables.datasets import Dataset

BLOCK = 100_000  # rows taken from the database at once
COLUMNS = ("dialogue_id", "video", "time", "person", "quality", "box", "embedding")
LONGEST = 1.0  # seconds for which a face counts until the next one of the same person


@dataclass(frozen=True)
class Persons:
    """The persons of films, by number: the rows of the table ``persons`` of the database.

    ``keys`` are their videos and numbers there; ``sums`` float32 [n, 128] holds the sum of each one's embeddings,
    ``counts`` float32 [n] how many these are, ``apart`` int [pairs, 2] who is in one picture.
    """

    keys: list[Person]
    sums: np.ndarray
    counts: np.ndarray
    apart: np.ndarray


def load(connection: duckdb.DuckDBPyConnection, faces: Dataset, corrections: Sequence[Correction]) -> None:
    """Make the tables ``faces``, as corrected, and ``persons``: number, video, person, faces, seconds.

    A row without a video is of the film that its dialogue is. Raises UserError where the table has no embedding.
    """
    names = faces.schema.names
    if "embedding" not in names:
        raise UserError(f"{faces.uri}: it has no embeddings; make it by score --faces with the flag --embeddings")
    connection.register("rows", corrections_.corrected(faces, COLUMNS, corrections))
    video = "coalesce(video, dialogue_id)" if "video" in names else "dialogue_id"
    quality = "quality" if "quality" in names else "NULL::FLOAT"
    box = "box" if "box" in names else "NULL::STRUCT(x INT, y INT, w INT, h INT)"
    connection.execute(
        f"CREATE TABLE faces AS SELECT {video} AS video, time, person, {quality} AS quality, {box} AS box, embedding "
        "FROM rows WHERE person IS NOT NULL AND isfinite(time)"
    )
    connection.unregister("rows")
    connection.execute(
        f"""
        CREATE TABLE persons AS
        SELECT row_number() OVER (ORDER BY video, person) - 1 AS number, * FROM (
            SELECT video, person, count(*) AS faces, sum(lasts) AS seconds FROM (
                SELECT *, least(coalesce(lead(time) OVER (PARTITION BY video, person ORDER BY time) - time, {LONGEST}),
                    {LONGEST}) AS lasts
                FROM faces
            ) GROUP BY video, person
        )"""
    )
    if not connection.execute("SELECT count(embedding) FROM faces").fetchall()[0][0]:
        raise UserError(f"{faces.uri}: no face in it has an embedding; make it by score --faces with --embeddings")


def add_earlier(connection: duckdb.DuckDBPyConnection, earlier: pa.Table, centroids: pa.Table) -> Persons:
    """The persons of the table, and below them in ``persons`` those `earlier` ones whose film is not in it.

    `earlier` has the columns video, person, faces and seconds, `centroids` video, person, embeddings and sum. Raises
    UserError for an embedding that is none.
    """
    connection.register("earlier", earlier)
    connection.register("centroids", centroids)
    connection.execute(
        """
        INSERT INTO persons
        SELECT (SELECT count(*) FROM persons) + row_number() OVER (ORDER BY video, person) - 1,
            video, person, faces, seconds
        FROM earlier WHERE video NOT IN (SELECT video FROM persons)
        """
    )
    keys = connection.execute("SELECT video, person FROM persons ORDER BY number").fetchall()
    sums, counts = np.zeros((len(keys), SIZE), np.float32), np.zeros(len(keys), np.float32)
    reader = connection.sql(
        """
        SELECT number, embedding, 1::FLOAT AS count, time FROM faces JOIN persons USING (video, person)
        WHERE embedding IS NOT NULL
        UNION ALL SELECT number, sum, embeddings, NULL FROM centroids JOIN persons USING (video, person)
        WHERE video NOT IN (SELECT video FROM faces)
        ORDER BY number, time  -- sums of the same numbers in another order differ
        """
    ).to_arrow_reader(BLOCK)
    for batch in reader:
        numbers = batch.column("embedding").flatten().to_numpy(zero_copy_only=False)
        if len(numbers) != SIZE * len(batch) or not np.isfinite(numbers).all():
            raise UserError(f"an embedding is not {SIZE} numbers")
        own = batch.column("number").to_numpy()
        np.add.at(sums, own, numbers.reshape(-1, SIZE).astype(np.float32))
        np.add.at(counts, own, batch.column("count").to_numpy())
    pairs = connection.execute(
        """
        WITH seen AS (SELECT DISTINCT video, time, number FROM faces JOIN persons USING (video, person))
        SELECT DISTINCT a.number AS one, b.number AS other
        FROM seen a JOIN seen b ON a.video = b.video AND a.time = b.time AND a.number < b.number
        """
    ).fetchnumpy()
    return Persons(keys, sums, counts, np.column_stack([pairs["one"], pairs["other"]]).astype(np.int64))
