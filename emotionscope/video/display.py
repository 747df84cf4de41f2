"""A decoded frame as a player shows it: square pixels, upright, in the colours of a plain screen."""

from dataclasses import dataclass, replace
from fractions import Fraction
from functools import lru_cache
from typing import Any, Self

import cv2
import numpy as np
from av.video.frame import VideoFrame

from emotionscope.video.container import check_size

SIDE = 1920  # pixels; a frame longer than this is shrunk to it
WIDEST = 4  # a pixel's width to its height, or the reverse; more is a damaged header
PQ, HLG = 16, 18  # transfer characteristics of high dynamic range, ITU-T H.273

LUMA_FIRST = {"yuv420p", "yuvj420p", "yuv422p", "yuvj422p", "yuv444p", "yuvj444p", "nv12", "nv21", "gray"}  # 8 bits
FULL_RANGE = 2  # libav's number for grey values of 0 to 255

WHITE = 100.0  # nits of white on a plain screen
PEAK = 10.0  # times WHITE; brighter light is shown as white
KNEE = 0.5  # of WHITE; light up to here is shown as it is
# Linear light of BT.2020's primaries to BT.709's, ITU-R BT.2087.
TO_BT709 = np.array([[1.6605, -0.5876, -0.0728], [-0.1246, 1.1329, -0.0083], [-0.0182, -0.1006, 1.1187]], np.float32)
GAMMA = 2.4  # of a plain screen, ITU-R BT.1886
STEPS = 4096  # of the table from light to a pixel's value


@dataclass(frozen=True)
class Grey:
    """A frame in grey, uint8 [height, width]; where `limited`, black is 16 and white is 235."""

    pixels: np.ndarray
    limited: bool


@dataclass(frozen=True)
class Shown:
    """A frame as decoded, no longer than `SIDE`, and what is left to do to show it.

    ``scale`` is the number of pixels as shown to one of the image, (x, y) in order; ``transposed``, ``mirrored`` (left
    to right) and ``inverted`` (top to bottom) are done in this order; ``transfer`` is ITU-T H.273's number.
    """

    frame: VideoFrame
    scale: float
    transposed: bool
    mirrored: bool
    inverted: bool
    transfer: int

    @classmethod
    def of(cls, frame: VideoFrame, aspect: Fraction | None, video_width: int = 0) -> Self:
        """How to show a frame whose pixels are `aspect` times as wide as high. Raises RowError if it is too large.

        Where the size changes within a video, `video_width` is the one that counts, in pixels as stored.
        """
        grown = video_width / frame.width if video_width else 1.0
        check_size(frame.width, frame.height)
        transfer, turn = (
            int(frame.color_trc),
            _turn(frame.side_data.get("DISPLAYMATRIX")),
        )  # a shrunk frame forgets them
        width, height = _square(frame.width, frame.height, aspect)
        scale = max(1.0, max(width, height) / SIDE)
        width, height = round(width / scale), round(height / scale)
        if (width, height) != (frame.width, frame.height):
            frame = frame.reformat(width, height)
        return cls(frame, scale * grown, *turn, transfer)

    def image(self) -> np.ndarray:
        """The frame, uint8 BGR [height, width, 3]."""
        if self.transfer in (PQ, HLG):
            image = _tone_map(self.frame.to_ndarray(format="rgb48le"), self.transfer)
        else:
            image = self.frame.to_ndarray(format="bgr24")
        return self._turned(image)

    def shrunk(self, side: int) -> "Shown":
        """The same frame, with no more than `side` pixels a side."""
        scale = max(self.frame.width, self.frame.height) / side
        if scale <= 1:
            return self
        small = self.frame.reformat(
            round(self.frame.width / scale), round(self.frame.height / scale), interpolation="AREA"
        )
        return replace(self, frame=small, scale=self.scale * scale)

    def grey(self) -> "Grey":
        """The frame in grey; of most videos, the luma as it was decoded, which costs nothing."""
        frame = self.frame
        if self.transfer in (PQ, HLG) or frame.format.name not in LUMA_FIRST:
            return Grey(cv2.cvtColor(self.image(), cv2.COLOR_BGR2GRAY), limited=False)
        plane = frame.planes[0]
        luma = np.frombuffer(memoryview(plane), np.uint8).reshape(-1, plane.line_size)[: frame.height, : frame.width]
        return Grey(self._turned(luma), frame.color_range != FULL_RANGE and "j" not in frame.format.name)

    def _turned(self, image: np.ndarray) -> np.ndarray:
        if self.transposed:
            image = cv2.transpose(image)
        if self.mirrored or self.inverted:
            image = cv2.flip(image, -1 if self.mirrored and self.inverted else int(self.mirrored))
        return image


def _square(width: int, height: int, aspect: Fraction | None) -> tuple[float, float]:
    """The size in square pixels, of which there are never fewer than before in either direction."""
    if not aspect or not Fraction(1, WIDEST) <= aspect <= WIDEST:
        return width, height
    return (width * float(aspect), height) if aspect > 1 else (width, height / float(aspect))


def _turn(matrix: Any) -> tuple[bool, bool, bool]:
    """Whether a display matrix [a b u; c d v; x y w] swaps the axes, and then mirrors x, and y."""
    if matrix is None or matrix.buffer_size < 36:
        return False, False, False
    a, b, _, c, d = np.frombuffer(matrix, np.int32, 5).tolist()
    if abs(b) + abs(c) > abs(a) + abs(d):
        return True, c < 0, b < 0
    return False, a < 0, d < 0


def _tone_map(rgb: np.ndarray, transfer: int) -> np.ndarray:
    """High dynamic range, uint16 RGB [height, width, 3], to uint8 BGR of a plain screen."""
    light = cv2.transform(_light(transfer)[rgb], TO_BT709)
    steps = np.sqrt(np.clip(light / PEAK, 0.0, 1.0)) * (STEPS - 1)
    return np.ascontiguousarray(_pixels()[np.rint(steps).astype(np.uint16)][..., ::-1])


@lru_cache
def _light(transfer: int) -> np.ndarray:
    """The light of each uint16 value, float32 [65536], in units of WHITE: SMPTE ST 2084 (PQ) or ITU-R BT.2100 (HLG)."""
    value = np.linspace(0.0, 1.0, 2**16)
    if transfer == PQ:
        power = value ** (32 / 2523)
        nits = 1e4 * (np.maximum(power - 3424 / 4096, 0) / (2413 / 128 - 2392 / 128 * power)) ** (16384 / 2610)
    else:
        a, b, c = 0.17883277, 0.28466892, 0.55991073
        scene = np.where(value <= 0.5, value**2 / 3, (np.exp((value - c) / a) + b) / 12)
        nits = 1e3 * scene**1.2  # as a screen of 1,000 nits shows it
    return (nits / WHITE).astype(np.float32)


@lru_cache
def _pixels() -> np.ndarray:
    """The pixel's value, uint8 [STEPS], for light whose square root grows from 0 to that of PEAK.

    Above the knee light is compressed by a curve that meets it smoothly and ends at white (FFmpeg's "mobius").
    """
    light = PEAK * np.linspace(0.0, 1.0, STEPS) ** 2
    a = -(KNEE**2) * (PEAK - 1) / (KNEE**2 - 2 * KNEE + PEAK)
    b = (KNEE**2 - 2 * KNEE * PEAK + PEAK) / (PEAK - 1)
    bent = (b**2 + 2 * b * KNEE + KNEE**2) / (b - a) * (light + a) / (light + b)
    shown = np.where(light <= KNEE, light, bent)
    return np.rint(255 * np.clip(shown, 0.0, 1.0) ** (1 / GAMMA)).astype(np.uint8)
