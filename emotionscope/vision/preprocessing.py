"""How a face crop becomes the vision model's input.

Apart from the model, so that the tasks that only decode need not load torch.
"""

import cv2
import numpy as np

from emotionscope.video import alignment, pictures
from emotionscope.video.detection import Detector

SMALLEST_PORTRAIT = 192  # pixels to which a smaller picture is enlarged, so that the detector finds the face in it


def decode(image: bytes, size: int) -> np.ndarray:
    """A JPEG or PNG of any mode and shape as a grey square, uint8 [size, size].

    Raises RowError where the bytes are none, or too many.
    """
    return _resize(pictures.decode(image, cv2.IMREAD_GRAYSCALE), size)


def decode_aligned(image: bytes, size: int, detector: Detector) -> np.ndarray:
    """The face in an encoded picture of one person, cut by `alignment`, as a grey square, uint8 [size, size].

    The whole picture where no face is found in it. Raises RowError where the bytes are none, or too many.
    """
    picture = pictures.decode(image)
    height, width = picture.shape[:2]
    zoom = max(1.0, min(SMALLEST_PORTRAIT / min(height, width), (pictures.PIXELS / (height * width)) ** 0.5))
    picture = cv2.resize(picture, None, fx=zoom, fy=zoom, interpolation=cv2.INTER_CUBIC)
    faces = detector.detect(picture)
    if faces:
        picture = alignment.cut(picture, max(faces, key=lambda face: face.height), max(size, SMALLEST_PORTRAIT))
    return _resize(cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY), size)


def _resize(grey: np.ndarray, size: int) -> np.ndarray:
    shrinks = min(grey.shape) > size
    return cv2.resize(grey, (size, size), interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR)
