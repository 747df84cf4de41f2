"""The output of a batch job: one run's own, resumed with what is whole, finished by a summary that lists its parts."""

import hashlib
import importlib.metadata
import json
import os
import re
import time
from collections import Counter
from collections.abc import Container, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from emotionscope import __version__
from emotionscope.errors import JobError, UserError, first_line
from emotionscope.runs import claims, shards
from emotionscope.runs.shards import Shard, Tally, Totals
from emotionscope.storage import access, atomic, s3, uris
from emotionscope.storage.access import JsonObject
from emotionscope.tables import datasets
from emotionscope.tables import manifest as summaries
from emotionscope.tables.manifest import RUN, SUMMARY, InputFile, PartRows, RunRecord, Summary

_PACKAGES = ("av", "numpy", "opencv-python-headless", "pyarrow", "ray", "torch")
_KEY = b"emotionscope"  # of a part's metadata: whose part it is


@dataclass(frozen=True)
class Output:
    """A job's output folder, which belongs to one run, new or half-finished, over the files `inputs`.

    `claim` is the URI of the file that names the run. `before` is the finished table that the run adds to, if any.
    """

    uri: str
    job: str
    settings: JsonObject
    run_id: str
    claim: str
    inputs: tuple[InputFile, ...] = ()
    before: Summary | None = None
    started: float = field(default_factory=time.monotonic)

    @property
    def first_file(self) -> int:
        """The number of the first input file: those that were read before have the numbers below."""
        return len(self.before.inputs) if self.before else 0

    def write(self, name: str, table: pa.Table) -> None:
        """Write a shard's rows as one part, whole or not at all, with a note of whose it is."""
        note = {**self._note(name), "rows": len(table)}
        datasets.write_part(table, uris.join(self.uri, name), {_KEY: json.dumps(note).encode()})

    def find_done(
        self, todo: list[Shard], error_column: str | None, redo: Container[str] = ()
    ) -> tuple[Totals, list[Shard]]:
        """The counts of the shards whose parts are whole, and the shards still to do, with those named in `redo`.

        Without an `error_column`, a part has any number of rows. A damaged part is done again. Raises UserError for a
        part that another run wrote, or of no shard of this run.
        """
        there = self._list_parts({shard.name for shard in todo})

        def count(shard: Shard) -> Tally | None:
            wanted = shard.name in there and shard.name not in redo
            return self._read_part(shard, error_column) if wanted else None

        done, missing = Totals(), []
        with ThreadPoolExecutor(access.IO_THREADS) as readers:
            for shard, tally in zip(todo, readers.map(count, todo), strict=True):
                if tally:
                    done.add(tally)
                else:
                    missing.append(shard)
        return done, missing

    def finish(self, totals: Totals, rows_resumed: int = 0) -> Summary:
        """Check that all parts are there and this run's, write ``_summary.json``, and return its content.

        Raises JobError where the output is no longer this run's, or has lost a part, and UserError where it has a
        part too many.
        """
        finished = self._finished_by_another()
        if finished:
            return finished
        self._check_run()
        self._list_parts({part.name for part in totals.parts})
        with ThreadPoolExecutor(access.IO_THREADS) as readers:
            list(readers.map(self._check_part, totals.parts))
        self._check_run()
        summary = self._summary(totals, rows_resumed)
        atomic.write_json(uris.join(self.uri, SUMMARY), asdict(summary))
        if self.before and uris.is_below(self.claim, self.uri):
            with suppress(FileNotFoundError):  # a process that shares the run may have let it go
                access.delete(self.claim)
        return summary

    def _summary(self, totals: Totals, rows_resumed: int) -> Summary:
        seconds = time.monotonic() - self.started
        run = RunRecord(
            id=self.run_id,
            finished=datetime.now(UTC).isoformat(timespec="seconds"),
            files=len(self.inputs),
            rows=totals.rows,
            rows_resumed=rows_resumed,
            with_faces=totals.with_faces,
            errors=dict(sorted(totals.errors.items())),
            seconds=round(seconds, 2),
            rows_per_second=round((totals.rows - rows_resumed) / max(seconds, 1e-6), 2),
            version=__version__,
            packages={name: importlib.metadata.version(name) for name in _PACKAGES},
            profile=totals.profile,
        )
        parts = sorted(totals.parts, key=lambda part: part.name)
        before = self.before or Summary(self.job, 0, 0, {}, self.settings, [], [], [])
        inputs = [*before.inputs, *self.inputs]
        source = {"uri": self.settings["input"]["uri"], "rows": sum(file.rows for file in inputs), "files": len(inputs)}
        return Summary(
            job=self.job,
            rows=before.rows + totals.rows,
            with_faces=before.with_faces + totals.with_faces,
            errors=dict(sorted((totals.errors + Counter(before.errors)).items())),
            settings={**before.settings, "input": source},
            runs=[*before.runs, run],
            inputs=inputs,
            parts=[*before.parts, *parts],
        )

    def _finished_by_another(self) -> Summary | None:
        """The summary where a process that shares this run has added its rows already."""
        there = summaries.read(self.uri) if self.before else None
        return there if there and self.run_id in (run.id for run in there.runs) else None

    def _list_parts(self, known: set[str]) -> set[str]:
        """The names of the parts that are there. Raises UserError for one too many, or a finished one that is lost."""
        there = {file.name for file in access.list_files(self.uri, ".parquet")}
        listed = {part.name for part in self.before.parts} if self.before else set()
        for name in sorted(listed - there):
            raise UserError(f"{uris.join(self.uri, name)}: lost, though {SUMMARY} lists it; make the table again")
        for name in sorted(there - listed - known):
            place = uris.join(self.uri, name)
            raise UserError(f"{place}: not a part of this output; move it away and rerun the same command")
        return there

    def _note(self, name: str) -> JsonObject:
        """What a part of this run says of itself; the same for every run with the same settings."""
        facts = {"job": self.job, "version": __version__, **self.settings}
        digest = hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()
        named = {key: value for key, value in self.settings.items() if key in ("input", "bundle")}
        return {"job": self.job, "run": digest[:16], "shard": name, **named}

    def _read_part(self, shard: Shard, error_column: str | None) -> Tally | None:
        """The counts of a part that is there; None where it is damaged."""
        uri = uris.join(self.uri, shard.name)
        filesystem, path = access.filesystem(uri)
        try:
            # All of it: zeroed pages under a good footer are found by their checksums alone.
            with pq.ParquetFile(path, filesystem=filesystem, page_checksum_verification=True) as file:
                note, rows = note_of(file.metadata), shard.rows if error_column else file.metadata.num_rows
                table = file.read()
            tally = shards.tally(table, shard.name, error_column)
        except (pa.ArrowException, OSError, ValueError, KeyError) as error:
            if isinstance(error, OSError):
                access.read_bytes(uri)  # raises where the store fails, which damages nothing
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

    def _check_part(self, part: PartRows) -> None:
        uri = uris.join(self.uri, part.name)
        filesystem, path = access.filesystem(uri)
        try:
            metadata = pq.read_metadata(path, filesystem=filesystem)
            ours = note_of(metadata) == {**self._note(part.name), "rows": metadata.num_rows}
        except (pa.ArrowInvalid, FileNotFoundError, ValueError) as error:
            raise JobError(
                f"{uri}: lost or damaged while the job ran; rerun the same command to make it again"
            ) from error
        if not ours or metadata.num_rows != part.rows:
            raise JobError(f"{uri}: another run wrote it meanwhile; name another --output")

    def _check_run(self) -> None:
        try:
            found = claims.read(self.claim)
        except UserError:
            found = None
        if not found or found.id != self.run_id:
            raise JobError(f"{self.uri}: another run took the output meanwhile; name another --output")


def open_output(
    uri: str, job: str, settings: Mapping[str, Any], dataset: datasets.Dataset, reopen: bool = False
) -> Output:
    """A new output of a job over `dataset`, or one that the same job with the same settings left half-finished.

    With `reopen` it may also be finished, and is then half-finished again. Raises UserError where it is finished
    already, lies in the input's folder, or holds anything that another run wrote.
    """
    if dataset.is_folder and uris.is_below(uris.join(_real(uri), RUN), _real(dataset.uri)):
        raise UserError(f"{uri}: lies in the input's folder, {dataset.uri}; name an --output outside it")
    s3.check_access(uri)
    finished, place = uris.join(uri, SUMMARY), uris.join(uri, RUN)
    try:
        if not reopen:
            refuse_finished(uri, job)
        if not access.exists(place) and access.list_files(uri):
            raise UserError(f"{uri}: the output exists and holds other files; name another --output")
        claim = claims.take(place, claims.facts(job, settings, dataset), claims.files_of(dataset))
        if reopen and access.exists(finished):
            access.delete(finished)
        remove_temporaries(uri)
    except OSError as error:
        raise s3.failure(f"{uri}: cannot be written to", error) from error
    return Output(uri, job, claim.settings, claim.id, place, claim.files)


def refuse_finished(uri: str, job: str) -> None:
    """Raise UserError where an output is finished. `open_output` does so too; this needs no other setting."""
    if access.exists(uris.join(uri, SUMMARY)):
        more = ", or add new files by --append" if job == "score" else ""
        raise UserError(f"{uri}: the output exists and is finished; name another --output or delete it{more}")


def note_of(metadata: pq.FileMetaData) -> Any:
    """What a part says of itself; None where it is no part of an output."""
    return json.loads((metadata.metadata or {}).get(_KEY, b"null"))


def remove_temporaries(uri: str) -> None:
    """Delete the temporary files of processes that died while writing."""
    if not uris.is_s3(uri):
        for file in Path(uri).rglob(".*"):
            if re.fullmatch(atomic.TEMPORARY, file.name):
                atomic.delete_if_abandoned(str(file))


def _real(uri: str) -> str:
    return uri if uris.is_s3(uri) else os.path.realpath(uri)
