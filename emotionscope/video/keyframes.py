"""One utterance's video to the faces kept of it, and a table of utterances to the keyframes table."""

import math
import os
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import IO, TypedDict

import cv2
import numpy as np
import pyarrow as pa

from emotionscope.errors import JobError, RowError, UserError, first_line
from emotionscope.io import contracts, s3, storage, tables, uris
from emotionscope.video import tracking
from emotionscope.video.best_faces import select_faces
from emotionscope.video.container import row_errors
from emotionscope.video.detection import Detector
from emotionscope.video.frames import Frame, Span, sample_spans
from emotionscope.video.people import Cast, SpanFaces

JPEG, PNG = PICTURES = (b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n")  # how they begin
JPEG_AFTER_JPEG = re.compile(rb"\xff\xd9\0*\xff\xd8\xff")  # the end of one, the start of the next
LARGEST_PICTURE = 2**26  # bytes
LOOK = 10_000  # rows in which the first video is looked for
OUTSIDE = "video outside the folder of the videos"


class Box(TypedDict):
    """Where a face is, in pixels of the video as it is shown: left, top, width, height."""

    x: int
    y: int
    w: int
    h: int


class Face(TypedDict):
    """A row of `contracts.FACE`: `time` in seconds from the start of the span, `quality` in [0, 1], `image` a JPEG."""

    time: float
    box: Box
    person: int
    quality: float
    image: bytes


Found = list[Face] | RowError  # an utterance's faces, or why there are none
# A video's path, its dataset's root, and where in it utterances start and end, to the faces of each.
Finder = Callable[[str, str, Sequence[Span]], list[Found]]


def faces_of(
    stream: IO[bytes], detector: Detector, max_faces: int, start: float | None = None, end: float | None = None
) -> list[Face]:
    """The faces worth keeping of the seconds `start` to `end` of a video: rows of `contracts.FACE`, in order of time.

    A JPEG or PNG picture is a video of one frame. There is none where no face is found. Raises RowError where the
    video cannot be read.
    """
    (found,) = faces_of_spans(stream, detector, max_faces, [(start, end)])
    if isinstance(found, RowError):
        raise found
    return found


def faces_of_spans(stream: IO[bytes], detector: Detector, max_faces: int, spans: Sequence[Span]) -> list[Found]:
    """As `faces_of`, for several spans of a video, which is decoded once. No span makes this raise.

    A person has the same number in all of them, 0 being the most prominent. A store that is away raises JobError.
    """
    found: list[Found] = [RowError("video has no frames")] * len(spans)
    is_picture = _is_picture(stream)
    stream.seek(0)
    cast = Cast()
    if is_picture:
        return [_found(_picture(stream), 0.0, detector, max_faces, cast)] * len(spans)
    for number, frames in sample_spans(stream, spans):
        start = max(spans[number][0] or 0.0, 0.0)
        found[number] = frames if isinstance(frames, RowError) else _found(frames, start, detector, max_faces, cast)
    ranks = cast.ranks()
    for each in found:
        if not isinstance(each, RowError):
            for face in each:
                face["person"] = ranks[face["person"]]
    return found


def _found(frames: Iterable[Frame], start: float, detector: Detector, max_faces: int, cast: Cast) -> Found:
    try:
        return _choose_faces(frames, start, detector, max_faces, cast)
    except RowError as error:
        return error
    except (MemoryError, JobError):  # the process has none left; the store is away
        raise
    except Exception as unexpected:  # one row must not end the job
        return RowError(f"video failed: {type(unexpected).__name__}: {first_line(unexpected)}")


def _choose_faces(frames: Iterable[Frame], start: float, detector: Detector, max_faces: int, cast: Cast) -> list[Face]:
    tracked: list[tracking.TrackedFace] = []
    layouts: list[np.ndarray] = []
    shot = 0
    for number, frame in enumerate(frames):
        layouts.append(tracking.layout(frame.image))
        shot += number > 0 and tracking.is_cut(*layouts[-2:])
        found = detector.detect(frame.image)
        tracked += tracking.describe_faces(frame.image, frame.scale, found, number, shot, frame.time)
    if not layouts:
        return []
    persons = tracking.assign_people(tracked)
    numbers = cast.see(SpanFaces(start, tracked, persons, layouts[0], layouts[-1]))
    return [_face(tracked[i], numbers[i]) for i in select_faces(tracked, persons, max_faces)]


def _face(tracked: tracking.TrackedFace, person: int) -> Face:
    x, y, w, h = tracked.box
    image, box = tracking.encode(tracked.crop), Box(x=x, y=y, w=w, h=h)
    return Face(time=tracked.time, box=box, person=person, quality=tracked.quality, image=image)


def _is_picture(stream: IO[bytes]) -> bool:
    """Whether a stream, of which nothing has been read, is one JPEG or PNG and not a stream of JPEGs."""
    head = stream.read(max(map(len, PICTURES)))
    if not head.startswith(PICTURES):
        return False
    content = head + stream.read(LARGEST_PICTURE)
    # Cameras put a preview or a depth map after the picture, and list them under this name.
    return head.startswith(PNG) or not JPEG_AFTER_JPEG.search(content) or b"MPF\0" in content


def _picture(stream: IO[bytes]) -> Iterator[Frame]:
    try:
        image = cv2.imdecode(np.frombuffer(stream.read(LARGEST_PICTURE), np.uint8), cv2.IMREAD_COLOR)
    except cv2.error:  # too many pixels
        image = None
    if image is None:
        raise RowError("picture unreadable: damaged, or too large")
    yield Frame(0.0, image, 1.0)


def faces_in(video: str, root: str, spans: Sequence[Span], detector: Detector, max_faces: int) -> list[Found]:
    """As `faces_of_spans`, for a video named in a row of a dataset at `root`, which may be missing or lie outside."""
    try:
        with open_video(video, root) as stream:
            return faces_of_spans(stream, detector, max_faces, spans)
    except RowError as error:
        return [error] * len(spans)


def extract(table: pa.Table, root: str, find: Finder) -> pa.Table:
    """The rows of a dialogues table with two columns more: `faces` (`contracts.FACES`) and `video_error` (string).

    Videos are found relative to `root`, out of which no path may lead, and their faces by `find`, which is `faces_in`
    with a detector; it is called once a video. `faces` is empty where no face was found, null where there is no video
    or where it failed; `video_error` then says why, and is null otherwise. No row makes this raise; a store that
    is away does: JobError.
    """
    starts, ends = (_seconds(tables.column_or_nulls(table, name, pa.float64())) for name in ("start", "end"))
    rows: dict[str, dict[Span, list[int]]] = {}
    for row, video in enumerate(tables.column_or_nulls(table, "video", pa.string()).to_pylist()):
        if video:
            rows.setdefault(video, {}).setdefault((starts[row], ends[row]), []).append(row)
    faces: list[list[Face] | None] = [None] * len(table)
    errors: list[str | None] = [None] * len(table)
    for video, spans in rows.items():
        for found, same in zip(_find(find, video, root, list(spans)), spans.values(), strict=True):
            for row in same:
                if isinstance(found, RowError):
                    errors[row] = str(found)
                else:
                    faces[row] = found
    table = table.drop_columns([name for name in ("faces", "video_error") if name in table.column_names])
    table = table.append_column("faces", pa.array(faces, contracts.FACES))
    return table.append_column("video_error", pa.array(errors, pa.string()))


def _find(find: Finder, video: str, root: str, spans: list[Span]) -> list[Found]:
    try:
        return find(video, root, spans)
    except JobError:
        raise
    except Exception as unexpected:  # one video must not end the job
        return [RowError(f"video failed: {type(unexpected).__name__}: {first_line(unexpected)}")] * len(spans)


def videos_folder(dataset: tables.Dataset, chosen: str | None) -> str:
    """The URI of the folder or prefix that holds a dataset's videos: the `chosen` one, else the dataset's own.

    Raises UserError, before any work, where it does not exist or where the first video named lies elsewhere.
    """
    root = uris.absolute(chosen or dataset.folder)
    if chosen:
        s3.check_access(root)
        if not storage.exists(root):
            raise UserError(f"--videos {chosen}: no such folder")
    named = tables.head(dataset, ["video"], LOOK)["video"].drop_null().to_pylist()
    if named and not uris.is_below(uris.join(root, named[0]), root):
        raise UserError(f"{named[0]}: the first video lies outside {root}; name the folder of the videos by --videos")
    return root


def _seconds(column: pa.ChunkedArray) -> list[float | None]:
    return [None if value is None or math.isnan(value) else value for value in column.to_pylist()]


def open_video(video: str, root: str) -> IO[bytes]:
    """The stream of a video named in a row. Raises RowError where it is missing or lies outside `root`."""
    if "\0" in video:
        raise RowError(f"video missing: {video}")
    place = uris.join(root, video)
    if not uris.is_s3(root):  # no link leads out of the folder
        place, root = os.path.realpath(place), os.path.realpath(root)
    if not uris.is_below(place, root):
        raise RowError(f"{OUTSIDE}: {video}")
    try:
        with row_errors():
            return storage.open_binary(place)
    except RowError as error:
        if isinstance(error.__cause__, FileNotFoundError):
            raise RowError(f"video missing: {video}") from error
        raise
