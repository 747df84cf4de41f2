"""The output of a batch job: one run's own, resumed with what is whole, finished by a summary that lists its parts."""

import hashlib
import importlib.metadata
import json
import os
import re
import time
import uuid
from collections import Counter
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from emotionscope import __version__
from emotionscope.errors import JobError, UserError, first_line
from emotionscope.io import atomic, s3, shards, storage, tables, uris
from emotionscope.io.shards import Shard, Tally
from emotionscope.io.summary import RUN, SUMMARY, PartRows, Summary

_PACKAGES = ("av", "numpy", "opencv-python-headless", "pyarrow", "ray", "torch")
_KEY = b"emotionscope"  # of a part's metadata: whose part it is
_ID = "id"  # in _run.json: which run made it


@dataclass(frozen=True)
class Output:
    """A job's output folder, which `open_output` made or found half-finished by the same job with the same settings."""

    uri: str
    job: str
    settings: dict[str, Any]
    run_id: str
    started: float = field(default_factory=time.monotonic)

    def write(self, name: str, table: pa.Table) -> None:
        """Write a shard's rows as one part, whole or not at all, with a note of whose it is."""
        note = {**self._note(name), "rows": len(table)}
        tables.write_part(table, uris.join(self.uri, name), {_KEY: json.dumps(note).encode()})

    def find_done(self, todo: list[Shard], error_column: str | None) -> tuple[list[Tally], list[Shard]]:
        """The counts of the shards whose parts are whole, and the shards still to do.

        Without an `error_column`, a part has any number of rows. A damaged part is done again. Raises UserError for a
        part that another run wrote, or of no shard of this run.
        """
        there = self._list_parts({shard.name for shard in todo})

        def count(shard: Shard) -> Tally | None:
            return self._read_part(shard, error_column) if shard.name in there else None

        with ThreadPoolExecutor(storage.IO_THREADS) as readers:
            found = list(readers.map(count, todo))
        return [tally for tally in found if tally], [s for s, tally in zip(todo, found, strict=True) if not tally]

    def finish(self, tallies: Iterable[Tally], rows_resumed: int = 0) -> Summary:
        """Check that all parts are there and this run's, write ``_summary.json``, and return its content.

        Raises JobError where the output is no longer this run's, or has lost a part, and UserError where it has a
        part too many.
        """
        tallies = sorted(tallies, key=lambda tally: tally.shard)
        self._check_run()
        self._list_parts({tally.shard for tally in tallies})
        with ThreadPoolExecutor(storage.IO_THREADS) as readers:
            list(readers.map(self._check_part, tallies))
        self._check_run()
        seconds = time.monotonic() - self.started
        rows = sum(tally.rows for tally in tallies)
        errors = sum((Counter(tally.errors) for tally in tallies), Counter[str]())
        summary = Summary(
            job=self.job,
            version=__version__,
            rows=rows,
            rows_resumed=rows_resumed,
            with_faces=sum(tally.with_faces for tally in tallies),
            errors=dict(sorted(errors.items())),
            seconds=round(seconds, 2),
            rows_per_second=round((rows - rows_resumed) / max(seconds, 1e-6), 2),
            parts=[PartRows(tally.shard, tally.rows) for tally in tallies],
            packages={name: importlib.metadata.version(name) for name in _PACKAGES},
            settings=self.settings,
        )
        atomic.write_json(uris.join(self.uri, SUMMARY), asdict(summary))
        return summary

    def _list_parts(self, known: set[str]) -> set[str]:
        """The names of the parts that are there. Raises UserError for one that is not `known`."""
        there = {file.name for file in storage.list_files(self.uri, ".parquet")}
        if stray := sorted(there - known):
            place = uris.join(self.uri, stray[0])
            raise UserError(f"{place}: not a part of this output; move it away and rerun the same command")
        return there

    def _note(self, name: str) -> dict[str, Any]:
        """What a part of this run says of itself; the same for every run with the same settings."""
        digest = hashlib.sha256(json.dumps(_run_facts(self.job, self.settings), sort_keys=True).encode()).hexdigest()
        named = {key: value for key, value in self.settings.items() if key in ("input", "bundle")}
        return {"job": self.job, "run": digest[:16], "shard": name, **named}

    def _read_part(self, shard: Shard, error_column: str | None) -> Tally | None:
        """The counts of a part that is there; None where it is damaged."""
        uri = uris.join(self.uri, shard.name)
        filesystem, path = storage.filesystem(uri)
        try:
            # All of it: zeroed pages under a good footer are found by their checksums alone.
            with pq.ParquetFile(path, filesystem=filesystem, page_checksum_verification=True) as file:
                note, rows = _note_of(file.metadata), shard.rows if error_column else file.metadata.num_rows
                table = file.read()
            tally = shards.tally(table, shard.name, error_column)
        except (pa.ArrowException, OSError, ValueError, KeyError) as error:
            if isinstance(error, OSError):
                storage.read_bytes(uri)  # raises where the store fails, which damages nothing
            print(f"{uri}: damaged ({first_line(error)}); redoing its rows", flush=True)
            return None
        if note != {**self._note(shard.name), "rows": rows}:
            raise UserError(
                f"{uri}: written by another run or for another input; move it away and rerun the same command"
            )
        if len(table) != rows:
            print(f"{uri}: has {len(table)} of {rows} rows; redoing them", flush=True)
            return None
        return tally

    def _check_part(self, tally: Tally) -> None:
        uri = uris.join(self.uri, tally.shard)
        filesystem, path = storage.filesystem(uri)
        try:
            metadata = pq.read_metadata(path, filesystem=filesystem)
            ours = _note_of(metadata) == {**self._note(tally.shard), "rows": metadata.num_rows}
        except (pa.ArrowInvalid, FileNotFoundError, ValueError) as error:
            raise JobError(
                f"{uri}: lost or damaged while the job ran; rerun the same command to make it again"
            ) from error
        if not ours or metadata.num_rows != tally.rows:
            raise JobError(f"{uri}: another run wrote it meanwhile; name another --output")

    def _check_run(self) -> None:
        try:
            found = storage.read_json(uris.join(self.uri, RUN))[_ID]
        except (FileNotFoundError, ValueError, KeyError, TypeError):
            found = None
        if found != self.run_id:
            raise JobError(f"{self.uri}: another run took the output meanwhile; name another --output")


def open_output(
    uri: str, job: str, settings: Mapping[str, Any], dataset: tables.Dataset | None = None, reopen: bool = False
) -> Output:
    """A new output of a job over `dataset`, or one that the same job with the same settings left half-finished.

    With `reopen` it may also be finished, and is then half-finished again. Raises UserError where it is finished
    already, lies in the input's folder, or holds anything that another run wrote.
    """
    if dataset and dataset.is_folder and uris.is_below(uris.join(_real(uri), RUN), _real(dataset.uri)):
        raise UserError(f"{uri}: lies in the input's folder, {dataset.uri}; name an --output outside it")
    s3.check_access(uri)
    facts = _run_facts(job, {**settings, **({"input": input_facts(dataset)} if dataset else {})})
    try:
        run_id = _acquire(uri, facts, reopen)
        if reopen and storage.exists(uris.join(uri, SUMMARY)):
            storage.delete(uris.join(uri, SUMMARY))
        _remove_temporaries(uri)
    except OSError as error:
        raise UserError(f"{uri}: cannot be written to ({first_line(error)})") from error
    return Output(uri, job, {key: value for key, value in facts.items() if key not in ("job", "version")}, run_id)


def input_facts(dataset: tables.Dataset) -> dict[str, Any]:
    """What tells an input from any other: its address, and each file's rows, size, footer and time of change."""
    files = [(part.uri, part.rows, part.size, part.footer, part.modified) for part in dataset.parts]
    digest = hashlib.sha256(json.dumps(files).encode()).hexdigest()[:16]
    return {"uri": dataset.uri, "rows": dataset.rows, "files": len(files), "sha256": digest}


def _run_facts(job: str, settings: Mapping[str, Any]) -> dict[str, Any]:
    """What two runs must have in common to share an output, as JSON gives it back."""
    return dict(json.loads(json.dumps({"job": job, "version": __version__, **settings})))


def _acquire(uri: str, facts: dict[str, Any], reopen: bool) -> str:
    """Make ``_run.json``, or find it made for the same facts; its run id."""
    if not reopen and storage.exists(uris.join(uri, SUMMARY)):
        raise UserError(f"{uri}: the output exists and is finished; name another --output or delete it")
    place = uris.join(uri, RUN)
    if not storage.exists(place):
        if storage.list_files(uri):
            raise UserError(f"{uri}: the output exists and holds other files; name another --output")
        atomic.create_json(place, {_ID: uuid.uuid4().hex, **facts})  # of two that start at once, one wins
    try:
        found = dict(storage.read_json(place))
        run_id = str(found.pop(_ID))
    except (ValueError, KeyError, TypeError) as error:
        raise UserError(f"{place}: damaged, so nothing tells whose output this is; delete the output") from error
    changed = sorted(key for key in facts.keys() | found.keys() if facts.get(key) != found.get(key))
    if changed:
        raise UserError(
            f"{uri}: half-finished by a run with other settings ({', '.join(changed)} differ); run it as "
            "it was started to resume, or name another --output"
        )
    return run_id


def _note_of(metadata: pq.FileMetaData) -> Any:
    return json.loads((metadata.metadata or {}).get(_KEY, b"null"))


def _remove_temporaries(uri: str) -> None:
    """Delete the temporary files of processes that died while writing."""
    if not uris.is_s3(uri):
        for file in Path(uri).rglob(".*"):
            if re.fullmatch(atomic.TEMPORARY, file.name):
                atomic.delete_if_abandoned(str(file))


def _real(uri: str) -> str:
    return uri if uris.is_s3(uri) else os.path.realpath(uri)
