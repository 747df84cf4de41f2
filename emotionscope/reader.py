"""Finished tables for people: what a job wrote, as an Arrow dataset, a DuckDB relation or a pandas table.

::

    import duckdb
    import emotionscope

    scores = emotionscope.open_scores("scores").to_duckdb()
    duckdb.sql("SELECT speaker, avg(fused_joy) FROM scores GROUP BY speaker").df()

Only the files that the table's ``_summary.json`` lists are read, so a run that has not finished is never seen.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from os import PathLike
from typing import TYPE_CHECKING

import pandas as pd
import pyarrow as pa
import pyarrow.dataset as pads

from emotionscope.errors import UserError
from emotionscope.storage.place import Place
from emotionscope.tables import datasets, manifest, parquet_files
from emotionscope.tables.contracts import Kind

if TYPE_CHECKING:
    import duckdb

Name = str | PathLike[str]


@dataclass(frozen=True)
class Table:
    """A finished table of `rows` rows. It is read when one of its methods is called, in the order of its files."""

    uri: Place
    files: tuple[Place, ...]
    schema: pa.Schema
    rows: int

    def to_arrow(self) -> pads.Dataset:
        """The table as an Arrow dataset, which reads only the columns and rows that are asked for."""
        filesystem, _ = self.uri.arrow()
        paths = [file.arrow()[1] for file in self.files]
        return pads.dataset(paths, self.schema, "parquet", filesystem, partitioning="hive")

    def to_duckdb(self, connection: "duckdb.DuckDBPyConnection | None" = None) -> "duckdb.DuckDBPyRelation":
        """The table as a relation of a DuckDB connection (default: DuckDB's own), which SQL reads by its variable."""
        import duckdb

        return (connection or duckdb).from_arrow(self.to_arrow())

    def to_pandas(self, columns: Sequence[str] | None = None) -> pd.DataFrame:
        """The table, or some of its columns, in memory. Raises UserError for a column that it lacks."""
        for name in columns or ():
            if name not in self.schema.names:
                raise UserError(f"{self.uri}: no column {name!r}; there are {', '.join(self.schema.names)}")
        frame: pd.DataFrame = self.to_arrow().to_table(columns).to_pandas()
        return frame


def open_scores(place: Name) -> Table:
    """The scores table that `score` wrote to a folder or ``s3://`` prefix.

    Raises UserError where there is none, where it has not finished or lost a file, and where it is another table.
    """
    return _open(place, "scores")


def open_faces(place: Name) -> Table:
    """The faces table that `score` with ``--faces`` wrote; raises as `open_scores` does."""
    return _open(place, "faces")


def open_summary(place: Name, name: str) -> Table:
    """One summary of those that `summarise` wrote to a folder or ``s3://`` prefix, such as ``speakers``.

    Raises UserError where there is none of the name, and where `summarise` has not finished.
    """
    uri = Place(place)
    listed = manifest.listed_parts(uri)
    files = [file for file in uri.list(".parquet") if listed is None or file.name in listed]
    found = {file.name.removesuffix(".parquet"): file.uri for file in files}
    if name not in found:
        raise UserError(f"{uri}: no summary {name!r}; there are {', '.join(found) or 'none'}")
    with parquet_files.open_file(found[name]) as file:
        return Table(uri, (found[name],), file.schema_arrow, file.metadata.num_rows)


def _open(place: Name, kind: Kind) -> Table:
    dataset = datasets.open_dataset(Place(place), kind)
    return Table(dataset.uri, tuple(part.uri for part in dataset.parts), dataset.schema, dataset.rows)


__all__ = ["Table", "open_faces", "open_scores", "open_summary"]
