"""What marks a table as finished: ``_summary.json``, written last, which lists the files that make it up."""

from dataclasses import dataclass
from typing import Any

from emotionscope.errors import UserError, first_line
from emotionscope.io import storage, uris

RUN, SUMMARY = "_run.json", "_summary.json"  # of the run that writes a table, and of a finished one


@dataclass(frozen=True)
class PartRows:
    """One file of a finished table and its rows."""

    name: str
    rows: int


@dataclass(frozen=True)
class Summary:
    """What ``_summary.json`` holds: counts, errors by reason, the parts that make up the table, and the settings."""

    job: str
    version: str
    rows: int
    rows_resumed: int
    with_faces: int
    errors: dict[str, int]
    seconds: float
    rows_per_second: float
    parts: list[PartRows]
    packages: dict[str, str]
    settings: dict[str, Any]


def listed_parts(uri: str) -> dict[str, int] | None:
    """The files of a finished table with their rows; None for a table whose summary lists none, or that has none.

    Raises UserError where the job that writes the table has not finished, or its summary is damaged.
    """
    place = uris.join(uri, SUMMARY)
    try:
        if not storage.exists(place):
            if storage.exists(uris.join(uri, RUN)):
                raise UserError(f"{uri}: the job that writes it has not finished; rerun that job to resume it")
            return None
        parts = storage.read_json(place).get("parts")
        return None if parts is None else {str(part["name"]): int(part["rows"]) for part in parts}
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise UserError(f"{place}: damaged ({first_line(error)}); delete it and rerun the job that wrote it") from error
