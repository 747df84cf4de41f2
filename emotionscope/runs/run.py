"""One protocol for every output: a run takes the folder, writes parts, checks them, and swaps in the manifest.

A table without a manifest is an empty table. ``_run.json`` is made once and names the run; parts are written whole or
not at all; the new ``_summary.json`` replaces the one that the run found, and lists all parts; then ``_run.json`` goes.
So readers see the table as it was, and then with all of the new rows, and of two runs at once one is told.
"""

import importlib.metadata
import json
import os
import time
from collections import Counter
from collections.abc import Container, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa

from emotionscope import __version__
from emotionscope.errors import JobError, UserError
from emotionscope.runs import check
from emotionscope.runs import claim as claims
from emotionscope.runs.arrivals import Arrivals
from emotionscope.runs.claim import Claim
from emotionscope.runs.shards import Shard, Totals
from emotionscope.storage import s3
from emotionscope.storage.place import IO_THREADS, JsonObject, Place, as_json
from emotionscope.tables import contracts, datasets, manifest
from emotionscope.tables.contracts import TableContract
from emotionscope.tables.datasets import Dataset
from emotionscope.tables.manifest import RUN, SUMMARY, RunRecord, Summary

_PACKAGES = ("av", "numpy", "opencv-python-headless", "pyarrow", "ray", "torch")


@dataclass(frozen=True)
class Run:
    """A run and the output folder that it has taken, new or half-finished.

    `before` is the finished table that it adds to, if any, and `held` what its manifest held when the run began.
    """

    uri: Place
    claim: Claim
    before: Summary | None = None
    held: bytes | None = None
    started: float = field(default_factory=time.monotonic)

    @property
    def job(self) -> str:
        """The job's name."""
        return str(self.claim.facts["job"])

    @property
    def contract(self) -> TableContract:
        """What the table that the job writes must have."""
        return contracts.made_by(self.job)

    @property
    def first_file(self) -> int:
        """The number of the first input file: those that were read before have the numbers below."""
        return len(self.before.inputs) if self.before else 0

    def write(self, name: str, table: pa.Table) -> None:
        """Write a shard's rows as one part, whole or not at all, with a note of whose it is."""
        note = json.dumps(check.note(self.claim, name, len(table))).encode()
        datasets.write_part(table, self.uri / name, {check.NOTE: note})

    def find_done(self, todo: list[Shard], redo: Container[str] = ()) -> tuple[Totals, list[Shard]]:
        """What is done and what is still to do: see `check.find_done`."""
        return check.find_done(self.uri, self.claim, self.contract, self.before, todo, redo)

    def finish(self, totals: Totals, rows_resumed: int = 0) -> Summary:
        """Check that all parts are there and this run's, swap in ``_summary.json``, and return its content.

        Raises JobError where the output is no longer this run's, or has lost a part, and UserError where it has a
        part too many.
        """
        if self._is_finished():
            return self._finished()
        self._check_claim()
        check.list_parts(self.uri, self.before, {part.name for part in totals.parts})
        with ThreadPoolExecutor(IO_THREADS) as readers:
            list(readers.map(lambda part: check.check_part(self.uri, self.claim, part), totals.parts))
        summary = self._summary(totals, rows_resumed)
        return summary if self._publish(asdict(summary)) else self._finished()

    def finish_small(self, facts: JsonObject, rows: Mapping[str, int]) -> None:
        """Finish the output of a job that takes minutes: `facts` for people, and the rows of each of its Parquet files.

        Raises JobError where the output is no longer this run's.
        """
        if self._is_finished():
            return
        self._check_claim()
        parts = [{"name": name, "rows": count} for name, count in rows.items()]
        self._publish({**facts, "runs": [{"id": self.claim.id}], "parts": parts})

    def _publish(self, content: JsonObject) -> bool:
        """Replace the manifest that the run found, and let the output go; False where a sharing process was first."""
        if not (self.uri / SUMMARY).swap(self.held, as_json(content)):
            if self._is_finished():
                return False
            raise JobError(f"{self.uri}: another run took the output meanwhile; name another --output")
        manifest.check_written(self.uri, {part["name"]: part["rows"] for part in content["parts"]})
        if self.claim.folder == self.uri:
            self.claim.release()
        return True

    def _is_finished(self) -> bool:
        """Whether a process that shares this run has finished it."""
        return self.claim.id in manifest.run_ids(self.uri)

    def _finished(self) -> Summary:
        found = manifest.read(self.uri)
        assert found
        return found

    def _check_claim(self) -> None:
        if not self.claim.is_held() and not self._is_finished():
            raise JobError(f"{self.uri}: another run took the output meanwhile; name another --output")

    def _summary(self, totals: Totals, rows_resumed: int) -> Summary:
        seconds = time.monotonic() - self.started
        files = self.claim.files
        run = RunRecord(
            id=self.claim.id,
            finished=datetime.now(UTC).isoformat(timespec="seconds"),
            files=len(files),
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
        settings = self.claim.settings
        before = self.before or Summary(self.job, 0, 0, {}, settings, [], [], [])
        inputs = [*before.inputs, *files]
        source = {"uri": settings["input"]["uri"], "rows": sum(file.rows for file in inputs), "files": len(inputs)}
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


def begin(
    uri: str,
    job: str,
    settings: Mapping[str, Any],
    dataset: Dataset | None = None,
    adding: Arrivals | None = None,
) -> Run:
    """Take an output for a run of a job over `dataset`, or go on with what the same run left half-finished.

    `adding` is what has arrived since the output was finished; without it, a finished one is refused. Raises UserError
    where the output is finished, lies in the input's folder, was made with other settings, or holds what another run
    wrote, and JobError where another run has just changed it.
    """
    folder = Place(uri)
    facts, files = claims.facts(job, settings, dataset), claims.files_of(dataset) if dataset else ()
    before = adding.before if adding else None
    if dataset:
        _refuse_inside(folder, dataset)
    if before:
        _check_settings(folder, before, facts)
    try:
        there, held = claims.read(folder), manifest.held(folder)
        if not before:
            _refuse_finished(folder, job, held)
            if not there and folder.list():
                raise UserError(f"{folder}: the output exists and holds other files; name another --output")
        elif held is None or manifest.run_ids(folder)[-1] != before.last.id:
            raise JobError(f"{folder}: another run has just added to it; rerun the same command")
        if before and adding and adding.claim and not adding.resumed:
            _let_go(folder, adding.claim, held, before)
        claim = adding.claim if adding and adding.claim and adding.resumed and before else None
        claim = claim or claims.take(folder, facts, files, before.last.id if before else None)
        if manifest.held(folder) != held:  # another run finished between the two
            claim.release()
            raise JobError(f"{folder}: another run has just finished it; rerun the same command")
        folder.delete_abandoned()
    except OSError as error:
        raise s3.failure(f"{folder}: cannot be written to", error) from error
    return Run(folder, claim, before, held)


def begin_beside(uri: str, job: str, settings: Mapping[str, Any], dataset: Dataset, run: Run) -> Run:
    """The same run's output for a second table, such as the faces of the scores, which gets a run when the first does.

    The second is finished before the first: a run stopped between them finds it finished. Raises UserError where it is
    not as finished as the first, or was made with other settings.
    """
    folder = Place(uri)
    before, held = manifest.read(folder), manifest.held(folder)
    runs = len(before.runs) if before else 0
    wanted = len(run.before.runs) if run.before else 0
    if before is None and not wanted:
        return begin(uri, job, settings, dataset)
    if before is None or runs not in (wanted, wanted + 1):
        raise UserError(f"{folder}: not finished, or not there, though {run.uri} is; make both tables again")
    facts = claims.facts(job, settings, dataset)
    _check_settings(folder, before, facts)
    folder.delete_abandoned()
    claim = replace(run.claim, facts=facts, id=before.last.id if runs > wanted else run.claim.id)
    return Run(folder, claim, before, held)


def refuse_finished(uri: str, job: str) -> None:
    """Raise UserError where an output is finished. `begin` does so too; this needs no other setting."""
    _refuse_finished(Place(uri), job, manifest.held(Place(uri)))


def _refuse_finished(folder: Place, job: str, held: bytes | None) -> None:
    if held is not None:
        more = ", or add new files by --append" if job == "score" else ""
        raise UserError(f"{folder}: the output exists and is finished; name another --output or delete it{more}")


def _refuse_inside(folder: Place, dataset: Dataset) -> None:
    if dataset.is_folder and (_real(folder) / RUN).is_below(_real(Place(dataset.uri))):
        raise UserError(f"{folder}: lies in the input's folder, {dataset.uri}; name an --output outside it")


def _real(place: Place) -> Place:
    return place if place.is_s3 else place / os.path.realpath(place)


def _check_settings(folder: Place, before: Summary, facts: Mapping[str, Any]) -> None:
    """Raise UserError where a run would add rows made otherwise than those that are there."""
    then = {**before.settings, "job": before.job}
    names = sorted((facts.keys() | then.keys()) - {"input", "version"})
    changed = [
        f"{name} {then.get(name)} then, {facts.get(name)} now" for name in names if facts.get(name) != then.get(name)
    ]
    if changed:
        raise UserError(f"{folder}: was made with other settings ({'; '.join(changed)}); add to it with those")


def _let_go(folder: Place, claim: Claim, held: bytes | None, before: Summary) -> None:
    """Remove a left-over claim and what its run has written: no manifest lists it.

    The claim goes first, so that its run, if it still lives, cannot finish. Raises JobError where it just has.
    """
    if not claim.is_held():
        raise JobError(f"{folder}: another run is adding to it; rerun the same command")
    claim.release()
    if manifest.held(folder) != held:
        raise JobError(f"{folder}: another run has just added to it; rerun the same command")
    check.delete_unlisted(folder, claim, {part.name for part in before.parts})
