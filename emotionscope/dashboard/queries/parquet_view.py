"""A Parquet dataset as a DuckDB view in which every column can be named, whatever its name."""

from collections import Counter

import duckdb
import pyarrow.dataset as pads

from emotionscope.errors import UserError
from emotionscope.storage.place import Place
from emotionscope.tables.datasets import Dataset


class ParquetView:
    """A dataset's columns in SQL. DuckDB ignores case, so columns that differ in case only get names of their own.

    `name` is the view's, a word of ours. Raises UserError for such columns in files that differ in their schemas.
    """

    def __init__(self, connection: duckdb.DuckDBPyConnection, name: str, dataset: Dataset) -> None:
        self.name = name
        self._uniform_schema = dataset.uniform_schema
        self.columns: list[str] = list(dataset.schema.names)
        self._sql_names = dict(zip(self.columns, distinct_names(self.columns), strict=True))
        self._renamed = any(column != sql for column, sql in self._sql_names.items())
        if self._renamed and not dataset.uniform_schema:
            twin = next(column for column, sql in self._sql_names.items() if column != sql)
            raise UserError(
                f"{dataset.uri}: another column differs from {twin!r} in its case only, and the files have "
                "different schemas: rename one of the two, or write the files with one schema"
            )
        files = [part.uri for part in dataset.parts]
        self._is_folder = dataset.is_folder
        self._partitioned = any(part.partition for part in dataset.parts)
        self._remote: pads.Dataset | None = None
        if Place(dataset.uri).is_s3:
            filesystem, _ = Place(dataset.uri).arrow()
            paths = [Place(uri).arrow()[1] for uri in files]
            self._remote = pads.dataset(
                paths, dataset.schema, "parquet", filesystem, partitioning="hive" if self._partitioned else None
            )
        else:
            self._files = f"{name}_files" if self._renamed else name
            table = connection.read_parquet(
                files, union_by_name=not dataset.uniform_schema, hive_partitioning=self._partitioned
            )
            table.create_view(self._files)
            if self._renamed:
                connection.execute(f"CREATE VIEW {name} AS SELECT * FROM {self._files} AS files({self._aliases()})")

    def register(self, cursor: duckdb.DuckDBPyConnection) -> None:
        """Make the view known to a cursor: a dataset in S3 is seen only by the cursor it is registered with."""
        if self._remote is not None:
            files = f"{self.name}_files"
            cursor.register(files, self._remote)
            cursor.execute(
                f"CREATE OR REPLACE TEMP VIEW {self.name} AS SELECT * FROM {files} AS files({self._aliases()})"
            )

    def column(self, name: str, missing: str = "NULL") -> str:
        """A column as SQL; `missing`, which is SQL, where the table lacks it."""
        return quote(self._sql_names[name]) if name in self._sql_names else missing

    def source(self, uri: str) -> str:
        """A query for all rows of the dataset where it lies at `uri`, that needs no view."""
        below = "/**/*.parquet" if self._partitioned else "/*.parquet"
        files = uri.rstrip("/") + below if self._is_folder else uri
        path = files.replace("'", "''")
        options = "" if self._uniform_schema else ", union_by_name = true"
        if self._partitioned or "=" in path:  # a folder above the dataset may look like a partition
            options += f", hive_partitioning = {str(self._partitioned).lower()}"
        aliases = f" AS files({self._aliases()})" if self._renamed else ""
        return f"SELECT * FROM read_parquet('{path}'{options}){aliases}"

    def _aliases(self) -> str:
        return ", ".join(map(quote, self._sql_names.values()))


def quote(name: str) -> str:
    """A name as an SQL identifier."""
    return '"' + name.replace('"', '""') + '"'


def distinct_names(names: list[str]) -> list[str]:
    """The names, with underscores added so that no two are the same without their case."""
    left = Counter(name.lower() for name in names)
    taken: set[str] = set()
    result = []
    for name in names:
        if name.lower() in taken:
            while name.lower() in taken or name.lower() in left:
                name += "_"
        taken.add(name.lower())
        result.append(name)
    return result
