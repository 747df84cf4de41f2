"""Adding to a finished table: what has arrived in its input's folder since, and the run that adds it, exactly once.

The run's claim, ``_append.json``, names the files that it reads. Its parts are written beside the table's, and one new
``_summary.json`` lists them all: readers see the table as it was, and then with all of the new rows. A claim is always
read before the summary, so that one that does not follow the summary's last run is known to be left over.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from emotionscope import __version__
from emotionscope.errors import JobError, UserError
from emotionscope.runs import claims
from emotionscope.runs.claims import Claim
from emotionscope.runs.output import Output, note_of, remove_temporaries
from emotionscope.storage import access, s3, uris
from emotionscope.storage.access import File
from emotionscope.tables import contracts, datasets, manifest, parquet_files
from emotionscope.tables.contracts import Kind
from emotionscope.tables.manifest import InputFile, Summary

CLAIM = "_append.json"


@dataclass(frozen=True)
class Arrivals:
    """What lies in an input's folder beside what a finished table, `before`, was made from.

    `dataset` holds the new files that can be read, or, where a stopped run is to be resumed, those of its claim; None
    where there are none. `unreadable` gives the reason why a new file cannot be read, by its name. `vanished` names
    the files that are no longer there, whose rows stay. A claim that is not `resumed` is left over.
    """

    before: Summary
    dataset: datasets.Dataset | None
    unreadable: dict[str, str]
    vanished: list[str]
    claim: Claim | None
    resumed: bool


def find(place: str, uri: str, kind: Kind) -> Arrivals | None:
    """What has arrived at `uri` since the table at `place` was finished; None where no table is finished there.

    Raises UserError where the table was made from another input, or a file that it was made from has changed.
    """
    claim = claims.read(uris.join(place, CLAIM))
    before = manifest.read(place)
    if before is None:
        return None
    uri = uris.absolute(uri)
    s3.check_access(uri)
    if before.settings["input"]["uri"] != uri:
        raise UserError(
            f"{place}: was made from {before.settings['input']['uri']}; only what arrives there can be added"
        )
    there = {each[0].name: each for each in datasets.find_files(uri, manifest.listed_parts(uri))}
    for known in before.inputs:
        if known.name in there and not _is_same(known, there[known.name][0]):
            raise UserError(
                f"{there[known.name][0].uri}: changed since its rows were scored; put it back and add new rows as "
                "another file, or score all of them into another --output"
            )
    done = {known.name for known in before.inputs}
    resumed = claim is not None and _can_resume(claim, before, {name: file for name, (file, _) in there.items()})
    wanted = {file.name for file in claim.files} if claim and resumed else there.keys() - done
    files = [each for name, each in there.items() if name in wanted]
    schema = contracts.source_schema(_schema_of(place, before), kind)
    dataset, unreadable = datasets.open_readable(uri, kind, files, schema) if files else (None, {})
    return Arrivals(before, dataset, unreadable, sorted(done - there.keys()), claim, resumed)


def open_append(place: str, job: str, settings: Mapping[str, Any], arrivals: Arrivals) -> Output:
    """The output of a run that adds the arrivals' dataset to a finished table, new or half-finished.

    Raises UserError where the table was made with other settings, JobError where another run is adding to it.
    """
    before, dataset = arrivals.before, arrivals.dataset
    assert dataset
    facts = claims.facts(job, settings, dataset)
    _check_settings(place, before, facts)
    mark = uris.join(place, CLAIM)
    try:
        if arrivals.claim and arrivals.resumed:
            claim = arrivals.claim
        else:
            if arrivals.claim:
                _let_go(place, arrivals.claim, before)
            claim = claims.take(mark, facts, claims.files_of(dataset), before.last.id)
            now = manifest.read(place)
            if now is None or now.last.id != before.last.id:
                raise JobError(f"{place}: another run has just added to it; rerun the same command")
        remove_temporaries(place)
    except OSError as error:
        raise s3.failure(f"{place}: cannot be written to", error) from error
    return Output(place, job, claim.settings, claim.id, mark, claim.files, before)


def open_beside(place: str, job: str, settings: Mapping[str, Any], scores: Output) -> Output:
    """The output of the same run for a second table, such as the faces of the scores; the claim protects both.

    Raises UserError where the table is not finished, or was made with other settings.
    """
    before = manifest.read(place)
    if before is None:
        raise UserError(f"{place}: not finished, or not there, though {scores.uri} is; make both tables again")
    facts = {**settings, "job": job, "input": scores.settings["input"]}
    _check_settings(place, before, facts)
    remove_temporaries(place)
    return replace(scores, uri=place, job=job, settings={**settings, "input": facts["input"]}, before=before)


def _is_same(known: InputFile, file: File) -> bool:
    """Whether a file is the one that was read: a copy with another time of change has the same size and footer."""
    if known.size != file.size:
        return False
    if known.modified == file.modified:
        return True
    filesystem, path = access.filesystem(file.uri)
    with parquet_files.errors_of(file.uri):
        return parquet_files.footer_digest(pq.read_metadata(path, filesystem=filesystem)) == known.footer


def _can_resume(claim: Claim, before: Summary, there: Mapping[str, File]) -> bool:
    """Whether a stopped run can go on: the table is as it found it, and so are its files."""
    if claim.after != before.last.id or claim.facts["version"] != __version__:
        return False
    return all(file.name in there and _is_same(file, there[file.name]) for file in claim.files)


def _schema_of(place: str, before: Summary) -> pa.Schema:
    """The schema of a finished table, whose parts are all alike."""
    return datasets.open_dataset(place, "scores", {before.parts[0].name}).schema


def _check_settings(place: str, before: Summary, facts: Mapping[str, Any]) -> None:
    """Raise UserError where a run would add rows made otherwise than those that are there."""
    then = {**before.settings, "job": before.job}
    names = sorted((facts.keys() | then.keys()) - {"input", "version"})
    changed = [
        f"{name} {then.get(name)} then, {facts.get(name)} now" for name in names if facts.get(name) != then.get(name)
    ]
    if changed:
        raise UserError(f"{place}: was made with other settings ({'; '.join(changed)}); add to it with those")


def _let_go(place: str, claim: Claim, before: Summary) -> None:
    """Remove a left-over claim and what its run has written: no summary lists it.

    The claim goes first, so that its run, if it still lives, cannot finish. Raises JobError where it just has.
    """
    mark = uris.join(place, CLAIM)
    now = claims.read(mark)
    if now is None or now.id != claim.id:
        raise JobError(f"{place}: another run is adding to it; rerun the same command")
    access.delete(mark)
    now_listed = manifest.read(place)
    if now_listed is None or now_listed.last.id != before.last.id:
        raise JobError(f"{place}: another run has just added to it; rerun the same command")
    listed = {part.name for part in before.parts}
    for file in access.list_files(place, ".parquet"):
        if file.name not in listed and _is_of(claim, file):
            access.delete(file.uri)


def _is_of(claim: Claim, file: File) -> bool:
    """Whether a part was written by a claim's run; one that is damaged tells nothing."""
    filesystem, path = access.filesystem(file.uri)
    try:
        note = note_of(pq.read_metadata(path, filesystem=filesystem))
    except (pa.ArrowException, ValueError):
        return False
    return isinstance(note, dict) and note.get("input") == claim.facts["input"]
