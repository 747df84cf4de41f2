"""Pictures are untrusted: what enters is JPEG or PNG, and no small file may take much to decode."""

import re
import struct
import zlib
from pathlib import Path

import cv2
import numpy as np
import pytest

from emotionscope.errors import RowError
from emotionscope.video import pictures
from emotionscope.video.detection import Detector
from emotionscope.vision import preprocessing

GREY = np.tile(np.arange(0, 240, 4, dtype=np.uint8), (40, 1))


def chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def png_of(width: int, height: int) -> bytes:
    """A small file of a grey PNG of one tone, its rows written alike."""
    rows, packer = bytes(width + 1), zlib.compressobj(9)
    body = b"".join(packer.compress(rows) for _ in range(height)) + packer.flush()
    head = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return pictures.PNG + chunk(b"IHDR", head) + chunk(b"IDAT", body) + chunk(b"IEND", b"")


def jpeg_of(image: np.ndarray, *flags: int) -> bytes:
    return cv2.imencode(".jpg", image, flags)[1].tobytes()


def with_size(jpeg: bytes, width: int, height: int) -> bytes:
    """A JPEG whose frame says that it is of another size."""
    place = jpeg.index(b"\xff\xc0") + 5
    return jpeg[:place] + struct.pack(">HH", height, width) + jpeg[place + 4 :]


def with_scans(jpeg: bytes, count: int) -> bytes:
    """A progressive JPEG with its first scan so many times more."""
    starts = [n for n in range(len(jpeg)) if jpeg[n : n + 2] == b"\xff\xda"]
    return jpeg[: starts[0]] + jpeg[starts[0] : starts[1]] * count + jpeg[starts[0] :]


def test_jpeg_and_png_are_read_whatever_stands_before_their_size() -> None:
    plain = jpeg_of(np.dstack([GREY] * 3))
    noted = plain[:2] + b"\xff\xe1\x00\x08\xff\xc0\x00\x01\x00\x01" + b"\xff" * 3 + plain[3:]
    for image in (plain, noted, jpeg_of(GREY, cv2.IMWRITE_JPEG_PROGRESSIVE, 1)):
        assert pictures.decode(image).shape == (40, 60, 3)
    assert pictures.decode(png_of(60, 40), cv2.IMREAD_GRAYSCALE).shape == (40, 60)


@pytest.mark.parametrize(
    ("image", "reason"),
    [
        (png_of(20_000, 20_000), "picture too large: 20000x20000 pixels"),
        (with_size(jpeg_of(GREY), 65_000, 65_000), "picture too large: 65000x65000 pixels"),
        (with_scans(jpeg_of(GREY, cv2.IMWRITE_JPEG_PROGRESSIVE, 1), 1000), "picture too large: a JPEG of more than"),
        (cv2.imencode(".bmp", GREY)[1].tobytes(), "picture unreadable: .* no JPEG or PNG"),
        (cv2.imencode(".webp", GREY)[1].tobytes(), "picture unreadable: .* no JPEG or PNG"),
        (cv2.imencode(".tiff", GREY)[1].tobytes(), "picture unreadable: .* no JPEG or PNG"),
        (pictures.PNG + b"\0\0\0\x0dIDAT" + bytes(30), "picture unreadable"),
        (b"\xff\xd8" + b"\xff\xe0\x00\x02" * 50_000, "picture unreadable"),
        (b"\xff\xd8\xff" + bytes(100_000), "picture unreadable"),
        (png_of(60, 40)[:60], "picture unreadable"),
        (b"", "picture unreadable"),
    ],
)
def test_what_is_neither_or_takes_too_much_is_refused_before_it_is_decoded(image: bytes, reason: str) -> None:
    assert len(image) < 500_000
    with pytest.raises(RowError, match=reason):
        pictures.decode(image)


@pytest.mark.parametrize(("width", "height"), [(200_000, 1), (1, 200_000), (4096, 4096)])
def test_a_picture_of_any_shape_within_the_limit_is_a_face(width: int, height: int) -> None:
    assert preprocessing.decode(png_of(width, height), 64).shape == (64, 64)


def test_a_portrait_of_one_row_is_not_enlarged_without_a_limit() -> None:
    assert preprocessing.decode_aligned(png_of(200_000, 1), 64, Detector("haar")).shape == (64, 64)


def test_pictures_enter_the_package_by_this_way_alone() -> None:
    other_ways = re.compile(r"imdecode|imread|VideoCapture|Image\.open|decode_(?:image|jpeg|png)|read_image")
    package = Path(pictures.__file__).parents[1]
    found = {path.name for path in package.rglob("*.py") if other_ways.search(path.read_text())}
    assert found == {Path(pictures.__file__).name}
