"""What a run has to read: all of its input's folder, or what has arrived there since a table was finished.

A run's claim names the files that it reads, so that a stopped run goes on with those, and later ones follow.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import pyarrow as pa

from emotionscope import __version__
from emotionscope.errors import UserError
from emotionscope.runs import claim as claims
from emotionscope.runs import shards
from emotionscope.runs.claim import Claim
from emotionscope.storage.place import File, Place
from emotionscope.tables import contracts, datasets, input_file, manifest
from emotionscope.tables.contracts import Kind
from emotionscope.tables.datasets import Dataset
from emotionscope.tables.manifest import SourceFile, Summary


@dataclass(frozen=True)
class Arrivals:
    """What lies in an input's folder beside what a finished table, `before`, was made from.

    `dataset` holds the new files that can be read, or, where a stopped run is to be resumed, those of its claim; None
    where there are none. `unreadable` gives the reason why a new file cannot be read, by its name. `vanished` names
    the files that are no longer there, whose rows stay. A claim that is not `resumed` is left over.
    """

    before: Summary | None
    dataset: Dataset | None
    unreadable: dict[str, str]
    vanished: list[str]
    claim: Claim | None
    resumed: bool


def first(output: str, uri: str, kind: Kind) -> Arrivals:
    """What the first run of a table reads: every file, or those of a stopped run. All of them must be readable."""
    claim = claims.read(Place(output))
    only = {file.name for file in claim.files} if claim else None
    return Arrivals(None, datasets.open_dataset(uri, kind, only), {}, [], claim, claim is not None)


def find(output: str, uri: str, kind: Kind) -> Arrivals | None:
    """What has arrived at `uri` since the table at `output` was finished; None where no table is finished there.

    A file that was only copied or touched has not changed: the table holds its rows. Raises UserError where the table
    was made from another input, or a file that it was made from has changed.
    """
    folder, source = Place(output), Place(uri)
    claim = claims.read(folder)
    before = manifest.read(folder)
    if before is None:
        return None
    if before.settings["input"]["uri"] != source:
        raise UserError(
            f"{folder}: was made from {before.settings['input']['uri']}; only what arrives there can be added"
        )
    there = {each[0].name: each for each in datasets.find_files(source, manifest.listed_parts(source))}
    schema = contracts.source_schema(_schema_of(folder, before), kind)
    known = list(before.inputs)
    for number, each in enumerate(known):
        file, partition = there.get(each.name, (None, ""))
        if file and not _is_same(each, file):
            now, _ = datasets.open_readable(source, kind, [(file, partition)], schema)
            if each.size != file.size or now is None or not _holds(folder, before, number, now):
                raise UserError(
                    f"{file.uri}: changed since its rows were scored, or another copy of it; put it back with its time "
                    "of change (cp -p, rsync -t) and add new rows as another file, or score all of them into another "
                    "--output"
                )
            known[number] = replace(each, modified=file.modified)
    before = replace(before, inputs=known)
    done = {each.name for each in known}
    resumed = claim is not None and _can_resume(claim, before, {name: file for name, (file, _) in there.items()})
    wanted = {file.name for file in claim.files} if claim and resumed else there.keys() - done
    files = [each for name, each in there.items() if name in wanted]
    dataset, unreadable = datasets.open_readable(source, kind, files, schema) if files else (None, {})
    return Arrivals(before, dataset, unreadable, sorted(done - there.keys()), claim, resumed)


def _is_same(known: SourceFile, file: File) -> bool:
    """Whether a file is the one that was read. Its footer may be the same where its rows are not."""
    return (known.size, known.modified) == (file.size, file.modified)


def _holds(folder: Place, before: Summary, number: int, now: Dataset) -> bool:
    """Whether a finished table holds the rows of its input file of a number as they are now, in all their columns."""
    names = {part.name for part in before.parts if part.name.startswith(shards.part_name(number))}
    if not names:
        return not now.rows
    then, start = datasets.open_dataset(folder, "scores", names), 0
    if then.rows != now.rows or not set(now.schema.names) <= set(then.schema.names):
        return False
    for part in then.parts:
        rows = input_file.read_rows(now.parts[0], now.schema, start, part.rows)
        if not rows.equals(input_file.read_rows(part, now.schema, 0, part.rows)):
            return False
        start += part.rows
    return True


def _can_resume(claim: Claim, before: Summary, there: Mapping[str, File]) -> bool:
    """Whether a stopped run can go on: the table is as it found it, and so are its files."""
    if claim.after != before.last.id or claim.facts["version"] != __version__:
        return False
    return all(file.name in there and _is_same(file, there[file.name]) for file in claim.files)


def _schema_of(folder: Place, before: Summary) -> pa.Schema:
    """The schema of a finished table, whose parts are all alike."""
    return datasets.open_dataset(folder, "scores", {before.parts[0].name}).schema
