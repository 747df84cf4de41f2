"""Single frames of a video, as a player shows them."""

from collections.abc import Sequence
from contextlib import closing
from typing import IO

import cv2
import numpy as np

from emotionscope.errors import RowError
from emotionscope.video import video_faces
from emotionscope.video.display import Shown
from emotionscope.video.sampler import Frame
from emotionscope.video.stretch import Stretch

QUALITY = 82  # of a JPEG
SHARP = 1e-3  # seconds by which a frame may come after the time that names it


def stills(stream: IO[bytes], times: Sequence[float]) -> list[Frame]:
    """The frames that a player shows at some times, in seconds; after the end, the last one.

    A picture, JPEG or PNG, is the same at any time. `stream` is seekable and stays open. Raises RowError.
    """
    picture = video_faces.picture(stream)
    if picture is not None:
        return [picture for _ in times]
    order = sorted(range(len(times)), key=lambda place: times[place])
    found: dict[int, Frame] = {}
    with closing(Stretch(stream, None, None)) as stretch:
        marks = [stretch.zero + max(times[place], 0.0) + SHARP for place in order]
        windows = [(min(stretch.standing(mark), mark - SHARP), mark) for mark in marks]
        held: Frame | None = None
        for time, frame in stretch.decode(windows, "DEFAULT"):
            while len(found) < len(order) and held and time > marks[len(found)]:
                found[order[len(found)]] = held
            if len(found) == len(order):
                break
            shown = Shown.of(frame, stretch.aspect, stretch.width)
            held = Frame(time - stretch.zero, shown.image(), shown.scale)
        if held is None:
            raise RowError("video has no frames: none of them decodes")
    return [found.get(place, held) for place in range(len(times))]


def shrunk(image: np.ndarray, longest: int) -> tuple[np.ndarray, float]:
    """A picture, uint8 BGR, with at most so many pixels a side, and how many of the old pixels one of the new is."""
    scale = max(max(image.shape[:2]) / longest, 1.0)
    if scale > 1:
        image = cv2.resize(image, None, fx=1 / scale, fy=1 / scale, interpolation=cv2.INTER_AREA)
    return image, scale


def jpeg(image: np.ndarray) -> bytes:
    """A picture, uint8 BGR, as JPEG."""
    return cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, QUALITY])[1].tobytes()


def crop(frame: Frame, box: tuple[int, int, int, int], margin: float = 0.25) -> np.ndarray:
    """The square around a face's box (x, y, w, h in pixels as shown), uint8 BGR, moved inwards at the frame's edges."""
    height, width = frame.image.shape[:2]
    x, y, w, h = (each / frame.scale for each in box)
    side = min(round(max(w, h) * (1 + margin)), height, width)
    left = min(max(round(x + (w - side) / 2), 0), width - side)
    top = min(max(round(y + (h - side) / 2), 0), height - side)
    return frame.image[top : top + side, left : left + side]
