"""Frames look as a player shows them: square pixels, upright, mirrored where the file says so, in plain colours."""

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from emotionscope.video.frames import sample_frames
from emotionscope.video.sampler import Frame
from tests.helpers.videos import write_video

RED, GREEN, BLUE, GREY = (0, 0, 255), (0, 255, 0), (255, 0, 0), (110, 110, 110)


def first(path: Path) -> Frame:
    with path.open("rb") as stream:
        return next(sample_frames(stream))


def quarters() -> np.ndarray:
    """Red and green above, blue and grey below."""
    image = np.zeros((96, 160, 3), np.uint8)
    image[:48, :80], image[:48, 80:], image[48:, :80], image[48:, 80:] = RED, GREEN, BLUE, GREY
    return image


def colours(image: np.ndarray) -> str:
    """The quarters' colours, from the left, the upper row first."""
    height, width = image.shape[:2]
    places = [(height * y // 4, width * x // 4) for y in (1, 3) for x in (1, 3)]
    names = {(0, 0, 1): "R", (0, 1, 0): "G", (1, 0, 0): "B", (0, 0, 0): "-"}
    return "".join(names[tuple((image[place] > 160).astype(int).tolist())] for place in places)


@pytest.mark.parametrize(
    ("matrix", "shown"),
    [
        ((1, 0, 0, 1), "RGB-"),
        ((-1, 0, 0, -1), "-BGR"),
        ((0, 1, -1, 0), "BR-G"),  # by 90 degrees clockwise
        ((0, -1, 1, 0), "G-RB"),
        ((-1, 0, 0, 1), "GR-B"),  # left to right, as front cameras do
        ((1, 0, 0, -1), "B-RG"),
        ((0, 1, 1, 0), "RBG-"),
        ((0, -1, -1, 0), "-GBR"),
    ],
)
def test_a_display_matrix_turns_and_mirrors(tmp_path: Path, matrix: tuple[int, ...], shown: str) -> None:
    path = write_video(tmp_path / "a.mp4", [quarters()] * 9, matrix=matrix)
    image = first(path).image
    assert colours(image) == shown
    assert image.shape == ((160, 96, 3) if matrix[1] else (96, 160, 3))


@pytest.mark.parametrize("suffix", ["mp4", "mkv", "ts"])
@pytest.mark.parametrize(
    ("aspect", "size"), [("4/3", (96, 213)), ("1/2", (192, 160)), ("1/1", (96, 160)), ("1/90", (96, 160))]
)
def test_pixels_come_out_square(tmp_path: Path, suffix: str, aspect: str, size: tuple[int, int]) -> None:
    frame = first(write_video(tmp_path / f"a.{suffix}", [quarters()] * 9, aspect=Fraction(aspect)))
    assert frame.image.shape[:2] == size
    assert (colours(frame.image), frame.scale) == ("RGB-", 1)


def test_pixels_are_made_square_before_the_picture_is_turned(tmp_path: Path) -> None:
    path = write_video(tmp_path / "a.mp4", [quarters()] * 9, aspect=Fraction(2), matrix=(0, 1, -1, 0))
    assert first(path).image.shape == (320, 96, 3)


def test_the_scale_counts_pixels_as_shown(tmp_path: Path) -> None:
    wide = np.zeros((720, 1440, 3), np.uint8)
    frame = first(write_video(tmp_path / "a.mp4", [wide], aspect=Fraction(2), options={"preset": "ultrafast"}))
    assert (frame.image.shape, frame.scale) == ((480, 1920, 3), 1.5)


@pytest.mark.parametrize(
    ("transfer", "value", "shown"),
    [
        ("smpte2084", 112, 191),  # 50 nits, half of a plain screen's white
        ("smpte2084", 130, 227),  # 100 nits
        ("smpte2084", 192, 255),  # 1,000 nits
        ("arib-std-b67", 128, 192),
        ("arib-std-b67", 191, 243),  # the white of HLG
        ("bt709", 128, 128),
    ],
)
def test_high_dynamic_range_is_brought_to_a_plain_screen(tmp_path: Path, transfer: str, value: int, shown: int) -> None:
    image = np.full((96, 160, 3), value, np.uint8)
    tags = f"colorprim=bt2020:transfer={transfer}:colormatrix=bt2020nc"
    path = write_video(tmp_path / "a.mkv", [image], pixels="yuv420p10le", options={"x264-params": tags})
    assert first(path).image.mean((0, 1)) == pytest.approx([shown] * 3, abs=4)
