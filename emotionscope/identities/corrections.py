"""What people say of who is who, where the job was wrong: a CSV file, applied in its order.

Its columns are `action`, `identity`, `video`, `person`, `into` and `name`:

merge  identity is the same person as into
split  the person of a video becomes an identity of their own
not    the person of a video is not this identity, and nobody knows who it is
name   identity is called name; an empty name takes one away
"""

import csv
import io
from dataclasses import dataclass, field, replace

import numpy as np

from emotionscope.errors import UserError
from emotionscope.storage.place import Place

ACTIONS = {"merge": ("identity", "into"), "split": ("video", "person"), "not": ("identity", "video", "person"),
           "name": ("identity",)}  # fmt: skip
COLUMNS = ("action", "identity", "video", "person", "into", "name")
LARGEST = 2**26  # bytes of the file


@dataclass(frozen=True)
class Correction:
    """A line of the file, by its number."""

    line: int
    action: str
    identity: int
    video: str
    person: int
    into: int
    name: str


def read(uri: Place) -> list[Correction]:
    """The corrections of a file, in order. Raises UserError, which names the line, for one that cannot be read."""
    try:
        text = uri.read_bytes(LARGEST).decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise UserError(f"{uri}: not UTF-8 text") from error
    rows = csv.DictReader(io.StringIO(text, newline=""))
    lacking = [name for name in ("action",) if name not in (rows.fieldnames or ())]
    unknown = [name for name in rows.fieldnames or () if name not in COLUMNS]
    if lacking or unknown:
        raise UserError(f"{uri}: its columns are to be {', '.join(COLUMNS)}; found {', '.join(rows.fieldnames or ())}")
    return [_correction(uri, rows.line_num, row) for row in rows]


def _correction(uri: str, line: int, row: dict[str, str | None]) -> Correction:
    action = (row["action"] or "").strip()
    if action not in ACTIONS:
        raise UserError(f"{uri}, line {line}: action {action!r}: choose {', '.join(ACTIONS)}")
    values: dict[str, str] = {name: (row.get(name) or "").strip() for name in COLUMNS}
    for name in ACTIONS[action]:
        if not values[name]:
            raise UserError(f"{uri}, line {line}: {action} needs {' and '.join(ACTIONS[action])}")
    numbers = {}
    for name in ("identity", "person", "into"):
        try:
            numbers[name] = int(values[name]) if values[name] else -1
        except ValueError as error:
            raise UserError(f"{uri}, line {line}: {name} {values[name]!r} is not a whole number") from error
    return Correction(line, action, video=values["video"], name=values["name"], **numbers)


@dataclass
class Corrected:
    """The identity of each person as corrected, the names that were given, and which identities are now another.

    ``next`` is the first number that was never given, ``split`` has the persons who got an identity of their own.
    """

    identity: np.ndarray
    next: int
    split: set[tuple[str, int]]
    names: dict[int, str] = field(default_factory=dict)
    merged: dict[int, int] = field(default_factory=dict)


def apply(corrections: list[Correction], uri: str, before: Corrected, places: dict[tuple[str, int], int]) -> Corrected:
    """Apply corrections to the identities `before` them; `places` says where among these the person of a video is.

    Who was split before is not split again, so the same file can be given every night. Raises UserError for a person or
    an identity that there is not.
    """
    found = replace(before, identity=before.identity.copy(), split=set(before.split))
    for each in corrections:
        where = f"{uri}, line {each.line}"
        if each.action in ("split", "not"):
            place = places.get((each.video, each.person))
            if place is None:
                raise UserError(f"{where}: {each.video} has no person {each.person} with an embedding")
            own = found.identity[place]
            if each.action == "not" and own == each.identity:
                found.identity[place] = -1
            elif each.action == "split" and (each.video, each.person) not in found.split:
                found.identity[place], found.next = found.next, found.next + 1
                found.split.add((each.video, each.person))
            continue
        for number in (each.identity, each.into) if each.action == "merge" else (each.identity,):
            if not 0 <= number < found.next:
                raise UserError(f"{where}: there is no identity {number}")
        if each.action == "name":
            found.names[each.identity] = each.name
        elif each.identity != each.into:
            found.identity[found.identity == each.identity] = each.into
            found.merged[each.identity] = each.into
    return found


def aside(corrections: list[Correction], places: dict[tuple[str, int], int], persons: int) -> np.ndarray:
    """The persons who are split, or not who they seemed, bool [persons]: their faces join nobody."""
    found = np.zeros(persons, bool)
    for each in corrections:
        if each.action in ("split", "not") and (each.video, each.person) in places:
            found[places[each.video, each.person]] = True
    return found
