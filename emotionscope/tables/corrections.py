"""What people say of who is who in videos: a table beside the faces, of one small Parquet file for each thing said.

So two who correct at once lose nothing, on disk and in S3. The table is plain: any tool can read and write it.
"""

import re
import uuid
from collections.abc import Container, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Literal, NamedTuple, get_args

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from emotionscope.errors import UserError, first_line
from emotionscope.storage.place import Place
from emotionscope.tables import datasets
from emotionscope.tables.datasets import Dataset

FOLDER = "_corrections"  # below the faces table; its name keeps it out of that
EXACT = 1e-3  # seconds by which the time of a face may be off

Action = Literal["name", "speaker", "merge", "split", "not", "same", "differs"]
Person = tuple[str, int]  # a video, and the number of a person of it
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
    faces that are not this person, nor known to be another. `same` and `differs`: the number and the video of a person
    whom they are, or are not, across films: `3 b.mp4`.
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


class Who(NamedTuple):
    """Who a person of a video is: the identity, None where it is not known, and the name, if any."""

    identity: int | None
    name: str | None


NOBODY = Who(None, None)


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
    """Faces with the columns video, time and person, each with its person as corrected; NA where that is not known.

    A face without a time is a person's in general, whom merging alone changes.
    """
    person = faces["person"].astype("Int32").to_numpy(np.int64, na_value=-1).copy()
    time, places = faces["time"].to_numpy(float), faces.groupby("video").indices if corrections else {}
    for each in corrections:
        own = places.get(each.video, np.empty(0, np.int64))
        own, numbers = own[person[own] == each.person], _numbers(each.value)
        if each.action == "merge" and len(numbers) == 1:
            person[own] = int(numbers[0])
        elif each.action == "split" and len(numbers) > 1:
            person[own[_near(time[own], numbers[1:])]] = int(numbers[0])
        elif each.action == "not":
            person[own[_near(time[own], numbers)]] = -1
    return faces.assign(person=pd.arrays.IntegerArray(person.astype(np.int32), person < 0))


def corrected(faces: Dataset, columns: Container[str], corrections: Sequence[Correction]) -> pa.RecordBatchReader:
    """The rows of a faces table in those of the `columns` that it has, each with its person as corrected."""
    schema = pa.schema([field for field in faces.schema if field.name in columns])
    batches = datasets.batches(faces, schema)
    if corrections and "video" in schema.names:
        batches = (_corrected(batch, corrections) for batch in batches)
    return pa.RecordBatchReader.from_batches(schema, batches)


def _corrected(batch: pa.RecordBatch, corrections: Sequence[Correction]) -> pa.RecordBatch:
    person = apply(batch.select(["video", "time", "person"]).to_pandas(), corrections)["person"]
    place = batch.schema.get_field_index("person")
    return batch.set_column(place, batch.schema.field(place), pa.array(person, batch.schema.field(place).type))


def called(corrections: Sequence[Correction], action: Literal["name", "speaker"]) -> dict[Person, str]:
    """Names, or speakers, the last said last. Who is merged into another gives them a name that they lack."""
    found: dict[Person, str] = {}
    for each in corrections:
        key = each.video, each.person
        if each.action == action:
            found.pop(key, None)
            found[key] = each.value
        elif each.action == "merge" and (numbers := _numbers(each.value)):
            told = found.pop(key, "")
            found.setdefault((each.video, int(numbers[0])), told)
    return {key: value for key, value in found.items() if value}


def names(corrections: Sequence[Correction]) -> list[tuple[Person, str]]:
    """What persons are called: those linked to a speaker by that, and then those who have a name, which counts more."""
    return [*called(corrections, "speaker").items(), *called(corrections, "name").items()]


def as_said(known: Mapping[Person, Who], corrections: Sequence[Correction]) -> dict[Person, Who]:
    """Who is who with what was said of persons since; such a name is that of all of their identity."""
    found = dict(known)
    for (one, other), same in links(corrections).items():
        if same and other in found:
            found[one] = found[other]
        elif not same and one in found and other in found and found[one].identity == found[other].identity:
            found[one] = NOBODY
    told = names(corrections)
    given = {found[person].identity: name for person, name in told if person in found} if told else {}
    given.pop(None, None)
    found |= {person: Who(who.identity, given[who.identity]) for person, who in found.items() if who.identity in given}
    return found | {person: Who(None, name) for person, name in told if found.get(person, NOBODY).identity is None}


def links(corrections: Sequence[Correction]) -> dict[tuple[Person, Person], bool]:
    """Pairs of persons, and whether they are one, as was said of them last. Who was split from another is not them."""
    found: dict[tuple[Person, Person], bool] = {}
    for each in corrections:
        number, _, rest = each.value.partition(" ")
        if each.action not in ("merge", "split", "same", "differs") or not number.isdecimal():
            continue
        one, other = (
            (each.video, each.person),
            (rest if each.action in ("same", "differs") else each.video, int(number)),
        )
        if each.action == "merge":
            now = {who: other if who == one else who for pair in found for who in pair}
            found = {(now[a], now[b]): same for (a, b), same in found.items() if now[a] != now[b]}
        elif one != other:
            found.pop((other, one), None)
            found[one, other] = each.action == "same"
    return found


def _near(times: np.ndarray, wanted: Sequence[float]) -> np.ndarray:
    far = np.abs(times[:, None] - np.asarray(wanted, float)[None, :])
    return np.asarray((far < EXACT).any(axis=1))


def _numbers(value: str) -> list[float]:
    try:
        return [float(word) for word in value.split()]
    except ValueError:
        return []
