"""The manifest, ``_summary.json``: written last, it marks a table as finished and lists the files that make it up."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from emotionscope.errors import JobError, UserError, first_line
from emotionscope.profile import Profile
from emotionscope.storage.place import JsonObject, Place

RUN, SUMMARY = "_run.json", "_summary.json"  # of the run that writes a table, and of a finished one


@dataclass(frozen=True)
class PartRows:
    """One file of a finished table and its rows."""

    name: str
    rows: int


@dataclass(frozen=True)
class SourceFile:
    """A file that a table's rows were made from: its name below the input's folder, and what tells it from others.

    `size` is in bytes, `footer` a digest of its footer, `modified` the time of its last change (ns).
    """

    name: str
    rows: int
    size: int
    footer: str
    modified: int


@dataclass(frozen=True)
class RunRecord:
    """One run that made rows of a table: its counts, errors by reason, speed, versions, and what the rows hold.

    `finished` is in UTC (ISO 8601). The first `rows_resumed` rows were there when the run began.
    """

    id: str
    finished: str
    files: int
    rows: int
    rows_resumed: int
    with_faces: int
    errors: dict[str, int]
    seconds: float
    rows_per_second: float
    version: str
    packages: dict[str, str]
    profile: Profile


@dataclass(frozen=True)
class Summary:
    """What ``_summary.json`` holds: counts of the whole table, the settings, and each run, input file and part."""

    job: str
    rows: int
    with_faces: int
    errors: dict[str, int]
    settings: JsonObject
    runs: list[RunRecord]
    inputs: list[SourceFile]
    parts: list[PartRows]

    @property
    def last(self) -> RunRecord:
        """The run that finished last."""
        return self.runs[-1]


def held(folder: Place) -> bytes | None:
    """What ``_summary.json`` holds, byte by byte; None where there is none."""
    place = folder / SUMMARY
    return place.read_bytes() if place.exists() else None


def run_ids(folder: Place) -> list[str]:
    """The runs that made a finished output, of whatever job, in order; none where it is not finished.

    Raises UserError where its manifest is damaged.
    """
    return [str(run["id"]) for run in _content(folder).get("runs", ())]


def read(uri: str) -> Summary | None:
    """The summary of a finished output of a batch job; None where there is none.

    Raises UserError where it is damaged, or another job's or an earlier version's.
    """
    place = Place(uri) / SUMMARY
    if not place.exists():
        return None
    try:
        found = place.read_json()
        runs = [RunRecord(**each) for each in found.pop("runs")]
        inputs = [SourceFile(**each) for each in found.pop("inputs")]
        parts = [PartRows(**each) for each in found.pop("parts")]
        return Summary(**found, runs=runs, inputs=inputs, parts=parts)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise UserError(
            f"{place}: not the summary of a table that this version scored ({first_line(error)})"
        ) from error


def listed_parts(uri: str) -> dict[str, int] | None:
    """The files of a finished table with their rows; None for a table whose summary lists none, or that has none.

    Raises UserError where the job that writes the table has not finished, or its summary is damaged.
    """
    folder = Place(uri)
    parts = _content(folder).get("parts")
    if parts is None and not (folder / SUMMARY).exists() and (folder / RUN).exists():
        raise UserError(f"{uri}: the job that writes it has not finished; rerun that job to resume it")
    with _damage_told(folder):
        return None if parts is None else {str(part["name"]): int(part["rows"]) for part in parts}


def _content(folder: Place) -> JsonObject:
    """What a manifest holds; nothing where there is none. Raises UserError where it is damaged."""
    with _damage_told(folder):
        found = held(folder)
        return {} if found is None else dict(json.loads(found).items())


@contextmanager
def _damage_told(folder: Place) -> Iterator[None]:
    try:
        yield
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        place = folder / SUMMARY
        raise UserError(f"{place}: damaged ({first_line(error)}); delete it and rerun the job that wrote it") from error


def check_written(uri: str, parts: dict[str, int]) -> None:
    """Raise JobError where the summary that has just been written, read back, does not list these parts and rows."""
    try:
        found = listed_parts(uri)
    except UserError:
        found = None
    if not found or not parts.items() <= found.items():  # another run may have added to it since
        raise JobError(f"{Place(uri) / SUMMARY}: is not there as it was written; delete it and rerun the same command")
