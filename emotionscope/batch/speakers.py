"""Who speaks in each utterance: the step that measures it for a table of utterances with the tracks of their faces."""

from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from emotionscope.speaking.crops import RATE
from emotionscope.video.face_tracks import OVERLAP, overlap
from emotionscope.video.faces import Box, Face, Found, Track
from emotionscope.video.keyframes import TRACKS, unpacked

if TYPE_CHECKING:
    from emotionscope.speaking.network import SpeakerNetwork

AROUND = 0.25  # seconds before and after a face that tell whether it speaks


def measure(
    table: pa.Table, network: "SpeakerNetwork | None" = None, tell: Callable[[float], None] | None = None
) -> pa.Table:
    """The rows of `keyframes.extract` with the faces' ``speaking``, without their tracks.

    `network` is the one that comes with the package, unless it is given. `tell` is called with the share that is done.
    """
    rows = [[unpacked(track) for track in tracks or ()] for tracks in table[TRACKS].to_pylist()]
    position, faces = table.column_names.index("faces"), table["faces"].combine_chunks()
    table = table.drop_columns([TRACKS])
    if not any(rows):
        return table
    tracks = [track for row in rows for track in row]
    spoken = iter(_predict(tracks, network, tell))
    values, lengths = faces.flatten(), pc.fill_null(pc.list_value_length(faces), 0).to_numpy()
    speaking = np.full(len(values), np.nan, np.float32)
    first = 0
    for count, row in zip(lengths, rows, strict=True):
        answers = [(track, next(spoken)) for track in row]
        own = slice(first, first + count)
        times, boxes = values.field("time")[own].to_pylist(), values.field("box")[own].to_pylist()
        speaking[own] = [_speaking(time, box, answers) for time, box in zip(times, boxes, strict=True)]
        first += count
    children = [values.field(child.name) for child in values.type]
    children[values.type.get_field_index("speaking")] = pa.array(speaking, from_pandas=True)
    structs = pa.StructArray.from_arrays(children, fields=list(values.type))
    offsets = pa.array(np.append(0, np.cumsum(lengths)), pa.int32())
    measured = pa.ListArray.from_arrays(offsets, structs, type=faces.type, mask=faces.is_null())
    return table.set_column(position, "faces", measured)


def measured(found: Found) -> list[Face]:
    """The faces of one utterance with their ``speaking``."""
    answers = list(zip(found.tracks, _predict(found.tracks, None), strict=True)) if found.tracks else []
    speaking = [_speaking(face["time"], face["box"], answers) for face in found.faces]
    for face, value in zip(found.faces, speaking, strict=True):
        face["speaking"] = None if np.isnan(value) else value
    return found.faces


def _predict(
    tracks: Sequence[Track], network: "SpeakerNetwork | None", tell: Callable[[float], None] | None = None
) -> list[np.ndarray]:
    done, whole = 0, sum(len(track.crops) for track in tracks)

    def add(frames: int) -> None:
        nonlocal done
        done += frames
        if tell:
            tell(done / whole)

    crops, sounds = [track.crops for track in tracks], [track.sound for track in tracks]
    return (network or _network()).predict(crops, sounds, add)


@lru_cache(maxsize=1)
def _network() -> "SpeakerNetwork":
    from emotionscope.speaking.network import SpeakerNetwork  # brings torch

    return SpeakerNetwork.load()


def _speaking(time: float, box: Box, answers: Iterable[tuple[Track, np.ndarray]]) -> float:
    """How surely the face in a box speaks at a time: by the track that it belongs to, NaN where it belongs to none."""
    best, found = OVERLAP, np.nan
    corners = np.array([box["x"], box["y"], box["w"], box["h"]], np.float32)
    reach = round(AROUND * RATE)
    for track, speaks in answers:
        place = round((time - track.start) * RATE)
        if not -1 <= place <= len(speaks):  # the frame looked at need not be one of the track's pictures
            continue
        shared = overlap(track.boxes[min(max(place, 0), len(speaks) - 1)], corners)
        if shared >= best:
            best, found = shared, float(speaks[max(place - reach, 0) : place + reach + 1].mean())
    return found
