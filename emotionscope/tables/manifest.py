"""What marks a table as finished: ``_summary.json``, written last, which lists the files that make it up."""

from dataclasses import dataclass

from emotionscope.errors import UserError, first_line
from emotionscope.profile import Profile
from emotionscope.storage import access, uris
from emotionscope.storage.access import JsonObject

RUN, SUMMARY = "_run.json", "_summary.json"  # of the run that writes a table, and of a finished one


@dataclass(frozen=True)
class PartRows:
    """One file of a finished table and its rows."""

    name: str
    rows: int


@dataclass(frozen=True)
class InputFile:
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
    inputs: list[InputFile]
    parts: list[PartRows]

    @property
    def last(self) -> RunRecord:
        """The run that finished last."""
        return self.runs[-1]


def read(uri: str) -> Summary | None:
    """The summary of a finished output of a batch job; None where there is none.

    Raises UserError where it is damaged, or another job's or an earlier version's.
    """
    place = uris.join(uri, SUMMARY)
    if not access.exists(place):
        return None
    try:
        found = access.read_json(place)
        runs = [RunRecord(**each) for each in found.pop("runs")]
        inputs = [InputFile(**each) for each in found.pop("inputs")]
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
    place = uris.join(uri, SUMMARY)
    try:
        if not access.exists(place):
            if access.exists(uris.join(uri, RUN)):
                raise UserError(f"{uri}: the job that writes it has not finished; rerun that job to resume it")
            return None
        parts = access.read_json(place).get("parts")
        return None if parts is None else {str(part["name"]): int(part["rows"]) for part in parts}
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise UserError(f"{place}: damaged ({first_line(error)}); delete it and rerun the job that wrote it") from error
