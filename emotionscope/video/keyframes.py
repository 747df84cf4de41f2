"""A table of utterances to the keyframes table: the same rows with the faces of their videos."""

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import pyarrow as pa

from emotionscope.errors import JobError, RowError, first_line
from emotionscope.speaking.crops import SIDE
from emotionscope.tables import contracts, datasets
from emotionscope.tables.contracts import INTERNAL
from emotionscope.video.faces import Face, Finder, Found, Span, Track, Utterance

TRACKS = f"{INTERNAL}tracks"  # column of the tracks whose speaking is still to be measured
_TRACK = pa.struct([("start", pa.float64()), *((name, pa.large_binary()) for name in ("boxes", "crops", "sound"))])


def extract(table: pa.Table, root: str, find: Finder) -> pa.Table:
    """The rows of a dialogues table with `faces` (`contracts.FACES`), `video_error` (string) and `TRACKS`.

    Videos are found relative to `root`, out of which no path may lead, and their faces by `find`, which is called once
    a video. `faces` is empty where no face was found, null where there is no video or where it failed; `video_error`
    then says why, and is null otherwise. No row makes this raise; a store that is away does: JobError.
    """
    starts, ends = (_seconds(datasets.column_or_nulls(table, name, pa.float64())) for name in ("start", "end"))
    texts = datasets.column_or_nulls(table, "utterance", pa.string()).to_pylist()
    rows: dict[str, dict[Span, list[int]]] = {}
    for row, video in enumerate(datasets.column_or_nulls(table, "video", pa.string()).to_pylist()):
        if video:
            rows.setdefault(video, {}).setdefault((starts[row], ends[row]), []).append(row)
    faces: list[list[Face] | None] = [None] * len(table)
    tracks: list[list[dict[str, object]] | None] = [None] * len(table)
    errors: list[str | None] = [None] * len(table)
    for video, spans in rows.items():
        utterances = [Utterance(span, any((texts[row] or "").strip() for row in same)) for span, same in spans.items()]
        for found, same in zip(_find(find, video, root, utterances), spans.values(), strict=True):
            for row in same:
                if isinstance(found, RowError):
                    errors[row] = str(found)
                else:
                    faces[row], tracks[row] = found.faces, [_packed(track) for track in found.tracks]
    table = table.drop_columns([name for name in ("faces", "video_error") if name in table.column_names])
    table = table.append_column("faces", pa.array(faces, contracts.FACES))
    table = table.append_column("video_error", pa.array(errors, pa.string()))
    return table.append_column(TRACKS, pa.array(tracks, pa.list_(_TRACK)))


def _packed(track: Track) -> dict[str, object]:
    arrays = {"boxes": track.boxes, "crops": track.crops, "sound": track.sound}
    return {"start": track.start, **{name: array.tobytes() for name, array in arrays.items()}}


def unpacked(track: Mapping[str, Any]) -> Track:
    """A track as `extract` packed it."""
    boxes, sound = (np.frombuffer(track[name], np.float32).reshape(-1, n) for name, n in (("boxes", 4), ("sound", 13)))
    return Track(track["start"], boxes, np.frombuffer(track["crops"], np.uint8).reshape(-1, SIDE, SIDE), sound)


def _find(find: Finder, video: str, root: str, utterances: list[Utterance]) -> list[Found | RowError]:
    try:
        return find(video, root, utterances)
    except JobError:
        raise
    except Exception as unexpected:  # one video must not end the job
        return [RowError(f"video failed: {type(unexpected).__name__}: {first_line(unexpected)}")] * len(utterances)


def _seconds(column: pa.ChunkedArray) -> list[float | None]:
    return [None if value is None or math.isnan(value) else value for value in column.to_pylist()]
