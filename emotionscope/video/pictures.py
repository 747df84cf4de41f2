"""Pictures in memory, as the bytes of a file. All that others encoded are read here: JPEG and PNG, within limits.

A picture is untrusted: a small file may tell of a huge one, or of one that is drawn a thousand times over. So its size
is read from its head before a decoder sees it.
"""

import struct
from typing import Any

import cv2
import numpy as np

from emotionscope.errors import RowError, UserError

JPEG, PNG = KINDS = (b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n")  # how they begin
BYTES = 2**26  # of a file, at most
PIXELS = 2**24  # of a picture, at most: a decoder takes up to 1.5 s for them
SCANS = 100  # of a JPEG, at most, each of which may be the whole picture again; progressive ones have some ten
_SEGMENTS = 10_000  # of a JPEG before its size
_NO_SIZE = {0xC4, 0xC8, 0xCC}  # markers among those of a frame's size that are others'
_ALONE = {0x01, *range(0xD0, 0xD8)}  # markers without a length
_HINT = "give a path, the bytes of a JPEG or PNG, or an array [height, width, 3] of RGB"
_TO_BGR = {3: cv2.COLOR_RGB2BGR, 4: cv2.COLOR_RGBA2BGR}


def decode(image: bytes, mode: int = cv2.IMREAD_COLOR, most: int = PIXELS) -> np.ndarray:
    """The pixels of a JPEG or PNG: uint8 [height, width, 3] of BGR, or what else `mode` says, as OpenCV has it.

    Raises RowError for what is neither, is damaged or has more than `most` pixels.
    """
    check(image, most)
    try:
        pixels = cv2.imdecode(np.frombuffer(image, np.uint8), mode)
    except cv2.error:
        pixels = None
    if pixels is None:
        raise RowError(f"picture unreadable: {len(image):,} bytes of a damaged picture")
    return pixels


def check(image: bytes, most: int = PIXELS) -> None:
    """Raise RowError, without decoding it, for what is no JPEG or PNG, or is one that takes too much to decode."""
    if len(image or b"") > BYTES:
        raise RowError(f"picture too large: {len(image):,} bytes, the limit is {BYTES:,}")
    size = _size_of_png(image) if image and image.startswith(PNG) else _size_of_jpeg(image or b"")
    if size is None:
        raise RowError(f"picture unreadable: {len(image or b'')} bytes that are no JPEG or PNG")
    if size[0] * size[1] > most:
        raise RowError(f"picture too large: {size[0]}x{size[1]} pixels, the limit is {most:,} in all")
    if image.startswith(JPEG) and image.count(b"\xff\xda") > SCANS:
        raise RowError(f"picture too large: a JPEG of more than {SCANS} scans")


def _size_of_png(image: bytes) -> tuple[int, int] | None:
    """Width and height, which the first chunk tells."""
    return struct.unpack(">II", image[16:24]) if image[12:16] == b"IHDR" and len(image) > 24 else None


def _size_of_jpeg(image: bytes) -> tuple[int, int] | None:
    """Width and height of the first frame, found as decoders find it: from marker to marker."""
    if not image.startswith(JPEG):
        return None
    place = 2
    for _ in range(_SEGMENTS):
        place = image.find(b"\xff", place)
        while image[place : place + 1] == b"\xff" and place >= 0:
            place += 1
        segment = image[place : place + 8]
        if place < 0 or len(segment) < 8:
            return None
        marker, length = segment[0], int.from_bytes(segment[1:3], "big")
        if marker == 0 or marker in _ALONE:
            place += 1
            continue
        if 0xC0 <= marker <= 0xCF and marker not in _NO_SIZE:
            height, width = struct.unpack(">HH", segment[4:8])
            return width, height
        if marker in (0xD8, 0xD9, 0xDA) or length < 2:  # the picture begins or ends before its size is told
            return None
        place += 1 + length
    return None


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
