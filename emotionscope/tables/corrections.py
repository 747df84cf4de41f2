"""What people say of who is who in videos: a table beside the faces, of one small Parquet file for each thing said.

So two who correct at once lose nothing, on disk and in S3. The table is plain: any tool can read and write it.
"""

import re
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Literal, get_args

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from emotionscope.errors import UserError, first_line
from emotionscope.storage.place import Place

FOLDER = "_corrections"  # below the faces table; its name keeps it out of that
EXACT = 1e-3  # seconds by which the time of a face may be off

Action = Literal["name", "speaker", "merge", "split", "not"]
SCHEMA = pa.schema(
    [
        pa.field("video", pa.string()),
        pa.field("person", pa.int32()),
        pa.field("action", pa.string()),
        pa.field("value", pa.string()),
        pa.field("by", pa.string()),
        pa.field("when", pa.string()),
    ]
)


@dataclass(frozen=True)
class Correction:
    """One thing that was said of a person of a video, `by` somebody, at a time (ISO 8601, UTC).

    What `value` holds depends on the action. `name`: what they are called; `speaker`: who they are among the column
    `speaker`; both may be empty, to take it back. `merge`: the number of the person that they are, too. `split`: a
    number, and the times in seconds of the faces that are a person of that number instead. `not`: the times of the
    faces that are not this person, nor known to be another.
    """

    video: str
    person: int
    action: Action
    value: str
    by: str
    when: str

    @classmethod
    def now(cls, video: str, person: int, action: Action, value: str, by: str) -> "Correction":
        """What is said at this moment."""
        return cls(video, person, action, value, by, datetime.now(UTC).isoformat(timespec="microseconds"))


def place_of(faces: str) -> Place:
    """Where the corrections of a faces table lie: in its folder, or beside its one file."""
    table = Place(faces)
    return (table.folder if table.endswith(".parquet") else table) / FOLDER


def add(faces: str, correction: Correction) -> None:
    """Store a correction of a faces table. Raises OSError."""
    file = pa.BufferOutputStream()
    pq.write_table(pa.Table.from_pylist([asdict(correction)], SCHEMA), file)
    name = f"{re.sub(r'[^0-9T]', '', correction.when)}-{uuid.uuid4().hex[:8]}.parquet"
    (place_of(faces) / name).write_bytes(file.getvalue())


def remove(faces: str, correction: Correction) -> None:
    """Take a correction back that `add` stored. Raises OSError, and UserError as `read` does."""
    for place, found in _files(faces):
        if found == [correction]:
            place.delete()


def read(faces: str) -> list[Correction]:
    """All corrections of a faces table, in the order of their times. Raises UserError for a file that is none."""
    found = [each for _, own in _files(faces) for each in own]
    return sorted((each for each in found if _is_whole(each)), key=lambda each: each.when)


def _files(faces: str) -> Iterator[tuple[Place, list[Correction]]]:
    for file in place_of(faces).list(".parquet"):
        try:
            table = pq.read_table(pa.BufferReader(file.uri.read_bytes())).select(SCHEMA.names).cast(SCHEMA)
        except (pa.ArrowException, KeyError, ValueError) as error:
            raise UserError(f"{file.uri}: not a table of corrections ({first_line(error)})") from error
        yield file.uri, [Correction(**row) for row in table.to_pylist()]


def _is_whole(correction: Correction) -> bool:
    """Whether nothing of a row is null, and its action is known."""
    return None not in asdict(correction).values() and correction.action in get_args(Action)


def apply(faces: pd.DataFrame, corrections: Sequence[Correction]) -> pd.DataFrame:
    """Faces with the columns video, time and person, each with its person as corrected; NA where that is not known."""
    person = faces["person"].astype("Int32").copy()
    for each in corrections:
        own = (faces["video"] == each.video) & (person == each.person).fillna(False)
        numbers = _numbers(each.value)
        if each.action == "merge" and len(numbers) == 1:
            person[own] = int(numbers[0])
        elif each.action == "split" and len(numbers) > 1:
            person[own & _at(faces, numbers[1:])] = int(numbers[0])
        elif each.action == "not":
            person = person.mask(own & _at(faces, numbers))
    return faces.assign(person=person)


def called(corrections: Sequence[Correction], action: Literal["name", "speaker"]) -> dict[tuple[str, int], str]:
    """Names, or speakers, by video and person. Who is merged into another gives them a name that they lack."""
    found: dict[tuple[str, int], str] = {}
    for each in corrections:
        key = each.video, each.person
        if each.action == action:
            found[key] = each.value
        elif each.action == "merge" and (numbers := _numbers(each.value)):
            told = found.pop(key, "")
            found.setdefault((each.video, int(numbers[0])), told)
    return {key: value for key, value in found.items() if value}


def _at(faces: pd.DataFrame, times: Sequence[float]) -> pd.Series:
    far = np.abs(faces["time"].to_numpy(float)[:, None] - np.asarray(times, float)[None, :])
    return pd.Series((far < EXACT).any(axis=1), index=faces.index)


def _numbers(value: str) -> list[float]:
    try:
        return [float(word) for word in value.split()]
    except ValueError:
        return []
