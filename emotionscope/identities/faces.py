"""The persons of a faces table: how each looks, and which of them are in one picture.

The table is read once, in the columns that count, into a DuckDB database on disk. What stays in memory is the embedding
of each person of each film, half a kilobyte.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import duckdb
import numpy as np
import pyarrow as pa

from emotionscope.errors import UserError
from emotionscope.recognition.embedding import SIZE
from emotionscope.tables import input_file
from emotionscope.tables.datasets import Dataset

BLOCK = 100_000  # rows read at once
COLUMNS = ("dialogue_id", "video", "time", "person", "quality", "box", "embedding")
LONGEST = 1.0  # seconds for which a face counts until the next one of the same person


@dataclass(frozen=True)
class Persons:
    """The persons of films whose faces were embedded, by number: the rows of the table ``persons`` of the database.

    ``sums`` float32 [n, 128] holds the sum of each one's embeddings, ``counts`` float32 [n] their number, ``apart`` int
    [pairs, 2] those who are in one picture.
    """

    sums: np.ndarray
    counts: np.ndarray
    apart: np.ndarray


def load(connection: duckdb.DuckDBPyConnection, faces: Dataset) -> Persons:
    """Make the tables ``faces`` and ``persons`` (number, video, person, faces, seconds), and give what is embedded.

    A row without a video is of the film that its dialogue is. Raises UserError where the table has no embedding.
    """
    names = faces.schema.names
    if "embedding" not in names:
        raise UserError(f"{faces.uri}: it has no embeddings; make it by score --faces with the flag --embeddings")
    schema = pa.schema([field for field in faces.schema if field.name in COLUMNS])
    connection.register("rows", pa.RecordBatchReader.from_batches(schema, _batches(faces, schema)))
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
        SELECT row_number() OVER (ORDER BY embedded = 0, video, person) - 1 AS number, * FROM (
            SELECT video, person, count(*) AS faces, count(embedding) AS embedded, sum(lasts) AS seconds FROM (
                SELECT *, least(coalesce(lead(time) OVER (PARTITION BY video, person ORDER BY time) - time, {LONGEST}),
                    {LONGEST}) AS lasts
                FROM faces
            ) GROUP BY video, person
        )"""
    )
    return _embedded(connection, faces.uri)


def _batches(dataset: Dataset, schema: pa.Schema) -> Iterator[pa.RecordBatch]:
    for part in dataset.parts:
        for start in range(0, part.rows, BLOCK):
            yield from input_file.read_rows(part, schema, start, min(BLOCK, part.rows - start)).to_batches()


def _embedded(connection: duckdb.DuckDBPyConnection, uri: str) -> Persons:
    ((count,),) = connection.execute("SELECT count(*) FROM persons WHERE embedded > 0").fetchall()
    if not count:
        raise UserError(f"{uri}: no face in it has an embedding; make it by score --faces with the flag --embeddings")
    sums, counts = np.zeros((count, SIZE), np.float32), np.zeros(count, np.float32)
    reader = connection.sql(
        "SELECT number, embedding FROM faces JOIN persons USING (video, person) WHERE embedding IS NOT NULL "
        "ORDER BY number, time"  # sums of the same numbers in another order differ
    ).to_arrow_reader(BLOCK)
    for batch in reader:
        values = batch.column("embedding")
        numbers = values.flatten().to_numpy(zero_copy_only=False)
        if len(numbers) != SIZE * len(batch) or not np.isfinite(numbers).all():
            raise UserError(f"{uri}: an embedding is not {SIZE} numbers")
        own = batch.column("number").to_numpy()
        np.add.at(sums, own, numbers.reshape(-1, SIZE).astype(np.float32))
        np.add.at(counts, own, 1)
    pairs = connection.execute(
        """
        WITH seen AS (SELECT DISTINCT video, time, number FROM faces JOIN persons USING (video, person))
        SELECT DISTINCT a.number AS one, b.number AS other
        FROM seen a JOIN seen b ON a.video = b.video AND a.time = b.time AND a.number < b.number
        """
    ).fetchnumpy()
    apart = np.column_stack([pairs["one"], pairs["other"]]).astype(np.int64)
    return Persons(sums, counts, apart[(apart < count).all(1)])
