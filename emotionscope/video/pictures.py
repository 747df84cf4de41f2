"""Pictures in memory, as the bytes of a file."""

from typing import Any

import cv2
import numpy as np

from emotionscope.errors import UserError

_HINT = "give a path, the bytes of a JPEG or PNG, or an array [height, width, 3] of RGB"
_TO_BGR = {3: cv2.COLOR_RGB2BGR, 4: cv2.COLOR_RGBA2BGR}


def encoded(picture: Any) -> bytes:
    """The bytes of a picture: as they are, or of a PNG of an array (or what NumPy makes one of, such as PIL's).

    An array is [height, width] or [height, width, 1, 3 or 4], uint8, whole numbers in 0..255, or floats in 0..1.
    Raises UserError for anything else.
    """
    if isinstance(picture, bytes | bytearray | memoryview):
        return bytes(picture)
    array = np.asarray(picture)
    if array.ndim == 3 and array.shape[2] == 1:
        array = array[:, :, 0]
    if array.ndim not in (2, 3) or not array.size or (array.ndim == 3 and array.shape[2] not in _TO_BGR):
        raise UserError(f"image cannot take {type(picture).__name__} of the shape {array.shape}; {_HINT}")
    if array.dtype.kind == "f" and array.min() >= 0 and array.max() <= 1:
        array = (array * 255).round()
    if array.dtype.kind not in "uif" or not (array.min() >= 0 and array.max() <= 255):
        raise UserError(f"image cannot take an array of {array.dtype} beyond 0 to 255, or of floats beyond 0 to 1")
    array = np.ascontiguousarray(array.astype(np.uint8))
    if array.ndim == 3:
        array = cv2.cvtColor(array, _TO_BGR[array.shape[2]])
    return cv2.imencode(".png", array)[1].tobytes()
