"""Faces cut out of their video for people to look at: each with the hair around it, as the picture shows it."""

from collections.abc import Iterator, Sequence
from contextlib import closing
from typing import IO

import cv2
import numpy as np
from av.video.frame import VideoFrame

from emotionscope.video.display import Shown
from emotionscope.video.faces import Box
from emotionscope.video.frames import APART
from emotionscope.video.stretch import Stretch
from emotionscope.video.video_faces import picture

Spot = tuple[float, Box]  # a face's time in the video, in seconds, and its box in pixels as shown

SIDE = 160  # pixels of a cutout
AROUND = 1.6  # times the longer side of the face's box
JPEG_QUALITY = 85
BEFORE, AFTER = 0.5, 0.005  # seconds around a face's time in which its frame is looked for


def cut_faces(stream: IO[bytes], spots: Sequence[Spot]) -> list[bytes]:
    """A JPEG of each face of a video or picture, no larger than `SIDE` by `SIDE`; empty where its frame is missing.

    Only the parts of the video that hold a face are decoded. `stream` is seekable. Raises RowError.
    """
    cutouts = [b""] * len(spots)
    frame = picture(stream)
    if frame:
        return [_cut(frame.image, frame.scale, box) for _, box in spots]
    stream.seek(0)
    for numbers in _together(spots):
        times = [spots[number][0] for number in numbers]
        with closing(Stretch(stream, times[0] - BEFORE, times[-1] + 2 * AFTER)) as stretch:
            for number, shown in zip(numbers, _frames(stretch, times), strict=False):
                cutouts[number] = _cut(shown.image(), shown.scale, spots[number][1])
    return cutouts


def _together(spots: Sequence[Spot]) -> Iterator[list[int]]:
    """The faces' numbers in order of time, divided where nothing is wanted for a while."""
    group: list[int] = []
    for number in sorted(range(len(spots)), key=lambda number: spots[number][0]):
        if group and spots[number][0] - spots[group[-1]][0] > APART:
            yield group
            group = []
        group.append(number)
    if group:
        yield group


def _frames(stretch: Stretch, times: Sequence[float]) -> Iterator[Shown]:
    """The frame shown at each of the times of a player's clock, which are in order; none where none decodes."""
    waiting = [stretch.zero + time for time in times]
    held: VideoFrame | None = None
    for time, frame in stretch.decode([(each - BEFORE, each + AFTER) for each in waiting], "DEFAULT"):
        while waiting and time > waiting[0] + AFTER:
            yield Shown.of(held or frame, stretch.aspect, stretch.width)
            del waiting[0]
        if not waiting:
            return
        held = frame
    for _ in waiting:
        if held:
            yield Shown.of(held, stretch.aspect, stretch.width)


def _cut(image: np.ndarray, scale: float, box: Box) -> bytes:
    """The face in a picture, uint8 BGR [height, width, 3], of which one pixel is `scale` pixels as shown."""
    side = AROUND * max(box["w"], box["h"], 1) / scale
    middle = (box["x"] + box["w"] / 2) / scale, (box["y"] + box["h"] / 2) / scale
    left, top = (max(round(each - side / 2), 0) for each in middle)
    right, bottom = (max(round(each + side / 2), 0) for each in middle)
    part = image[top:bottom, left:right]
    if not part.size:
        return b""
    shrunk = min(SIDE / max(part.shape[:2]), 1.0)
    if shrunk < 1:
        size = max(round(part.shape[1] * shrunk), 1), max(round(part.shape[0] * shrunk), 1)
        part = cv2.resize(part, size, interpolation=cv2.INTER_AREA)
    return cv2.imencode(".jpg", part, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])[1].tobytes()
