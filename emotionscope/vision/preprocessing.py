"""How a face crop becomes the vision model's input.

Apart from the model, so that the tasks that only decode need not load torch.
"""

import cv2
import numpy as np

from emotionscope.errors import RowError
from emotionscope.video import alignment
from emotionscope.video.detection import Detector

SMALLEST_PORTRAIT = 192  # pixels to which a smaller picture is enlarged, so that the detector finds the face in it


def decode(image: bytes, size: int) -> np.ndarray:
    """An encoded image of any mode and shape as a grey square, uint8 [size, size].

    Raises RowError where the bytes are not an image.
    """
    return _resize(_read(image, cv2.IMREAD_GRAYSCALE), size)


def decode_aligned(image: bytes, size: int, detector: Detector) -> np.ndarray:
    """The face in an encoded picture of one person, cut by `alignment`, as a grey square, uint8 [size, size].

    The whole picture where no face is found in it. Raises RowError where the bytes are not an image.
    """
    picture = _read(image, cv2.IMREAD_COLOR)
    zoom = max(1.0, SMALLEST_PORTRAIT / min(picture.shape[:2]))
    picture = cv2.resize(picture, None, fx=zoom, fy=zoom, interpolation=cv2.INTER_CUBIC)
    faces = detector.detect(picture)
    if faces:
        picture = alignment.cut(picture, max(faces, key=lambda face: face.height), max(size, SMALLEST_PORTRAIT))
    return _resize(cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY), size)


def _read(image: bytes, mode: int) -> np.ndarray:
    try:
        pixels = cv2.imdecode(np.frombuffer(image or b"", np.uint8), mode)
    except cv2.error:
        pixels = None
    if pixels is None:
        raise RowError(f"image unreadable: {len(image or b'')} bytes that are no JPEG, PNG or other known image")
    return pixels


def _resize(grey: np.ndarray, size: int) -> np.ndarray:
    shrinks = min(grey.shape) > size
    return cv2.resize(grey, (size, size), interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR)
