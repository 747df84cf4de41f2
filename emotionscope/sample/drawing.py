"""Drawing with soft shading on small transparent pictures.

A patch is measured in head units: the origin lies between the eyes and the nose, x to the right, y down. Its pixels
are uint8 BGRA with the colour multiplied by alpha, so that it can be warped and laid over a picture without dark rims.
"""

import copy
from collections.abc import Sequence
from functools import lru_cache

import cv2
import numpy as np
from scipy.interpolate import CubicSpline

UNIT = 100  # pixels a head unit
STEPS = 12  # of a curve from knot to knot

Colour = tuple[float, float, float]
Points = np.ndarray | Sequence[Sequence[float]]


def shade(colour: Colour, gain: float) -> Colour:
    """The colour made darker (gain below 1) or lighter."""
    return tuple(float(min(255, channel * gain)) for channel in colour)  # type: ignore[return-value]


class Patch:
    """A picture of one figure, drawn in head units."""

    def __init__(self, left: float, top: float, right: float, bottom: float) -> None:
        size = round((bottom - top) * UNIT), round((right - left) * UNIT)
        self.pixels = np.zeros((*size, 4), np.uint8)
        self.origin = np.array([-left * UNIT, -top * UNIT])

    def copy(self) -> "Patch":
        """A patch with the same pixels."""
        other = copy.copy(self)
        other.pixels = self.pixels.copy()
        return other

    def _points(self, points: Points) -> np.ndarray:
        return np.asarray(np.round((np.asarray(points, float) * UNIT + self.origin) * 16), np.int32)

    def fill(self, points: Points, colour: Colour) -> None:
        """Fill a polygon."""
        cv2.fillPoly(self.pixels, [self._points(points)], (*colour, 255), cv2.LINE_AA, 4)

    def line(self, points: Points, colour: Colour, width: float) -> None:
        """Draw an open line of a width in head units."""
        thick = max(1, round(width * UNIT))
        cv2.polylines(self.pixels, [self._points(points)], False, (*colour, 255), thick, cv2.LINE_AA, 4)

    def ellipse(self, x: float, y: float, rx: float, ry: float, colour: Colour, angle: float = 0) -> None:
        """Fill an ellipse; the angle is in degrees."""
        turn = np.linspace(0, 2 * np.pi, 40)
        cos, sin = np.cos(np.radians(angle)), np.sin(np.radians(angle))
        along, across = rx * np.cos(turn), ry * np.sin(turn)
        self.fill(np.stack([x + along * cos - across * sin, y + along * sin + across * cos], 1), colour)

    def glow(self, x: float, y: float, rx: float, ry: float, colour: Colour, strength: float) -> None:
        """Tint softly towards a colour around a point; the radii are those of a Gaussian."""
        height, width = self.pixels.shape[:2]
        left, right = (int(np.clip((x + side * rx * 2.6) * UNIT + self.origin[0], 0, width)) for side in (-1, 1))
        top, bottom = (int(np.clip((y + side * ry * 2.6) * UNIT + self.origin[1], 0, height)) for side in (-1, 1))
        across = np.exp(-0.5 * (((np.arange(left, right) - self.origin[0]) / UNIT - x) / rx) ** 2)
        down = np.exp(-0.5 * (((np.arange(top, bottom) - self.origin[1]) / UNIT - y) / ry) ** 2)
        region = self.pixels[top:bottom, left:right]
        share = np.float32(strength) * np.outer(down, across).astype(np.float32) * (region[..., 3] / np.float32(255))
        packed = np.array((*colour, 255)).astype(np.uint8).view(np.uint32)[0]  # filled four bytes at a time
        tint = np.full(region.shape[:2], packed).view(np.uint8).reshape(region.shape)
        self.pixels[top:bottom, left:right] = cv2.blendLinear(region, tint, 1 - share, share)

    def inside(self, points: np.ndarray, other: "Patch") -> None:
        """Take another patch's pixels within a polygon."""
        mask = np.zeros(self.pixels.shape[:2], np.uint8)
        cv2.fillPoly(mask, [self._points(points)], 255, cv2.LINE_AA, 4)
        x, y, w, h = cv2.boundingRect(mask)
        spot = np.s_[y : y + h, x : x + w]
        share = mask[spot][..., None] / np.float32(255)
        mixed = self.pixels[spot] * (1 - share) + other.pixels[spot] * share
        self.pixels[spot] = np.rint(mixed).astype(np.uint8)


@lru_cache
def _spline(knots: int, closed: bool) -> np.ndarray:
    """The matrix that turns knots into a curve: a spline is linear in its knots."""
    unit = np.eye(knots)
    if closed:
        unit = np.vstack([unit, unit[:1]])
    curve = CubicSpline(np.arange(len(unit)), unit, bc_type="periodic" if closed else "natural")
    return np.asarray(curve(np.linspace(0, len(unit) - 1, STEPS * (len(unit) - 1) + 1)))


def smooth(points: Points, closed: bool = False) -> np.ndarray:
    """A spline through the points, `STEPS` pieces between each two; float64 [pieces + 1, 2]."""
    return np.asarray(_spline(len(points), closed) @ np.asarray(points, float))


def mirror(points: Sequence[Sequence[float]]) -> list[list[float]]:
    """The right half of an outline (from top to bottom) and its mirror image."""
    return [[x, y] for x, y in points] + [[-x, y] for x, y in reversed(points) if x]
