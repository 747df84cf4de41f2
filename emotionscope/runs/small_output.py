"""Outputs of jobs that take minutes: what a stopped run has left is made again, from the start."""

from collections.abc import Mapping

import pyarrow.parquet as pq

from emotionscope.errors import UserError
from emotionscope.storage import access, atomic, uris
from emotionscope.tables.manifest import RUN, SUMMARY


def begin(uri: str, run: Mapping[str, object]) -> None:
    """Mark an output as under way by a run, after clearing what the same run left when it was stopped.

    Until `finish`, jobs refuse to read it. Raises UserError where it holds anything else.
    """
    mark = uris.join(uri, RUN)
    stopped = access.exists(mark) and not access.exists(uris.join(uri, SUMMARY))
    if stopped and access.read_json(mark) == run:
        for file in access.list_files(uri):
            access.delete(file.uri)
    if access.list_files(uri):
        raise UserError(f"{uri}: the output exists and holds files; name another --output or delete it")
    atomic.write_json(mark, run)


def finish(uri: str, summary: Mapping[str, object]) -> None:
    """Write the summary, the mark of a finished output, with the list of its Parquet files and their rows."""
    parts = []
    for file in access.list_files(uri, ".parquet"):
        filesystem, path = access.filesystem(file.uri)
        parts.append({"name": file.name, "rows": pq.read_metadata(path, filesystem=filesystem).num_rows})
    atomic.write_json(uris.join(uri, SUMMARY), {**summary, "parts": parts})
