"""The parts of a drawn face that carry the emotion: brows, eyes, nose, mouth and the lines between them.

The moves of each emotion follow the prototypes of the Facial Action Coding System (Ekman and Friesen, 1978). The
face is 2 head units wide and about 2.65 high.
"""

from typing import NamedTuple

import numpy as np

from emotionscope.labels import EMOTIONS
from emotionscope.sample.drawing import Patch, shade, smooth
from emotionscope.sample.person import Person


class Expression(NamedTuple):
    """The pose of a face. Lengths are in head units; 0 is at rest except where said."""

    inner_brow: float = 0.0  # up
    outer_brow: float = 0.0  # up
    knit: float = 0.0  # brows drawn together, 0 to 1
    eye: float = 1.0  # opening, 1 at rest
    squint: float = 0.0  # lower lid up, 0 to 1
    gaze: float = 0.0  # down
    smile: float = 0.0  # corners of the mouth up
    width: float = 1.0  # of the mouth, 1 at rest
    open: float = 0.0  # gap between the lips
    teeth: float = 0.0  # how much of the gap they fill, 0 to 1
    sneer: float = 0.0  # upper lip up, more on one side
    pout: float = 0.0  # lower lip forward, 0 to 1
    wrinkle: float = 0.0  # of the nose, 0 to 1
    cheek: float = 0.0  # raised, 0 to 1
    tear: float = 0.0  # visible above 0.6

    def blend(self, other: "Expression", share: float) -> "Expression":
        """The pose that lies `share` of the way (0 to 1) to another."""
        return Expression(*(a + (b - a) * share for a, b in zip(self, other, strict=True)))


EXPRESSIONS = {
    "anger": Expression(-0.17, 0.03, 1.0, 0.82, 0.5, 0.0, -0.10, 0.95, 0.13, 1.0, 0.02, 0.1, 0.35, 0.0),
    "disgust": Expression(-0.10, -0.04, 0.6, 0.55, 0.8, 0.02, -0.13, 0.85, 0.05, 0.3, 0.13, 0.5, 1.0, 0.5),
    "fear": Expression(0.15, -0.02, 0.9, 1.5, 0.1, 0.0, -0.07, 1.25, 0.15, 0.75, 0.0, 0.0, 0.0, 0.0),
    "joy": Expression(0.05, 0.06, 0.0, 0.72, 0.75, 0.0, 0.17, 1.32, 0.22, 0.65, 0.0, 0.0, 0.0, 1.0),
    "neutral": Expression(),
    "sadness": Expression(0.15, -0.12, 0.55, 0.68, 0.1, 0.04, -0.13, 0.85, 0.0, 0.0, 0.0, 0.8, 0.0, 0.0, 1.0),
    "surprise": Expression(0.24, 0.22, 0.0, 1.5, 0.0, 0.0, -0.02, 0.68, 0.42, 0.12, 0.0, 0.0, 0.0, 0.0),
}
assert tuple(EXPRESSIONS) == EMOTIONS


def draw_expression(patch: Patch, person: Person, pose: Expression, light: float, drop: float) -> None:
    """Draw the features over a face; `light` comes from -1 left to 1 right, `drop` is how far the chin went down."""
    _nose(patch, person, pose, light)
    _mouth(patch, person, pose, drop)
    _folds(patch, person, pose)
    for side in (-1, 1):
        _eye(patch, person, pose, side)
        _brow(patch, person, pose, side)
    if pose.tear > 0.6:
        patch.ellipse(0.5, 0.28, 0.035, 0.07, (255, 250, 240))
        patch.line([(0.47, 0.02), (0.49, 0.14), (0.5, 0.28)], (245, 235, 225), 0.025)


def _nose(patch: Patch, person: Person, pose: Expression, light: float) -> None:
    skin, w, up = person.skin, person.nose, 0.05 * pose.wrinkle
    away = -1 if light > 0 else 1
    patch.glow(away * 0.15 * w, 0.12, 0.07, 0.3, shade(skin, 0.68), 0.6)
    patch.glow(-away * 0.02, 0.08, 0.055, 0.3, shade(skin, 1.25), 0.6)
    patch.glow(0, 0.4 - up, 0.1, 0.08, shade(skin, 1.2), 0.6)
    patch.glow(0, 0.56 - up, 0.2 * w, 0.05, shade(skin, 0.55), 0.7)
    for side in (-1, 1):
        wing = smooth([(side * w * x, y - up) for x, y in ((0.17, 0.36), (0.235, 0.44), (0.2, 0.52))])
        patch.line(wing, shade(skin, 0.62), 0.025)
        patch.ellipse(side * 0.1 * w, 0.515 - up, 0.055 * w, 0.028, shade(skin, 0.35), side * -12)
    if pose.wrinkle > 0.25:
        for y in (-0.12, -0.03, 0.06):
            ridge = smooth([(-0.14, y + 0.04), (0, y), (0.14, y + 0.04)])
            patch.line(ridge, shade(skin, 1 - 0.45 * pose.wrinkle), 0.022)


def _mouth(patch: Patch, person: Person, pose: Expression, drop: float) -> None:
    half, y = 0.36 * pose.width, 0.82 + 0.3 * drop
    corner = y - pose.smile
    top, low = y - 0.35 * pose.open - 0.02 + 0.2 * pose.smile, y + 0.65 * pose.open + 0.2 * pose.smile
    # The edges of the gap at five places from left to right, and how thick the lips are there.
    x = half * np.array([-1, -0.52, 0, 0.52, 1])
    lift = pose.sneer * np.array([0, 1.02, 0.85, 0.5, 0])
    upper = np.stack([x, np.array([corner, 0.4 * corner + 0.6 * top, top, 0.4 * corner + 0.6 * top, corner]) - lift], 1)
    lower = np.stack([x, [corner, 0.22 * corner + 0.78 * low, low, 0.22 * corner + 0.78 * low, corner]], 1)
    thick = 0.085 * person.lips
    over = upper * (1.06, 1) - np.outer([0, 0.9, 0.85, 0.9, 0], (0, thick))
    under = lower * (1.06, 1) + np.outer([0, 1, 1, 1, 0], (0, thick + 0.05 * pose.pout))
    paint = 0.35 * person.makeup
    natural, red = np.array(person.skin) * (0.62, 0.6, 0.86), np.array((80, 60, 200))
    tone = tuple(natural * (1 - paint) + red * paint)
    gap = np.concatenate([smooth(upper), smooth(lower[::-1])])

    patch.glow(0, under[2, 1] + 0.1, 0.22, 0.05, shade(person.skin, 0.6), 0.55)
    patch.fill(np.concatenate([smooth(over), smooth(under[::-1])]), tone)
    patch.fill(np.concatenate([smooth(upper), smooth(over[::-1])]), shade(tone, 0.86))
    patch.glow(0, under[2, 1] - 0.5 * thick, 0.14, 0.025, (235, 225, 245), 0.3 + 0.3 * person.makeup)
    if pose.open > 0.03 or pose.sneer > 0.05:
        inside = patch.copy()
        inside.fill(gap, (38, 22, 52))
        inside.ellipse(0, low + 0.02, half * 0.6, 0.4 * pose.open, (96, 84, 176))
        if pose.teeth > 0.1:
            reach = top + pose.teeth * (low - top) * np.array([0.7, 0.92, 1, 0.92, 0.7])
            teeth = np.stack([x, np.minimum(lower[:, 1], reach)], 1)
            inside.fill(np.concatenate([smooth(upper), smooth(teeth[::-1])]), (232, 240, 243))
        if pose.teeth > 0.9:  # clenched
            for k in range(-4, 5):
                inside.line([(k * half / 4.5, top - 0.2), (k * half / 4.5, low)], (206, 212, 218), 0.01)
            inside.line(smooth([(-half, corner), (0, (top + low) / 2), (half, corner)]), (120, 120, 140), 0.018)
        patch.inside(gap, inside)
    patch.line(smooth(upper), shade(tone, 0.42), 0.022)
    if pose.open > 0.03:
        patch.line(smooth(lower), shade(tone, 0.55), 0.016)
    for side in (-1, 1):
        patch.glow(side * half * 1.04, corner, 0.05, 0.05, shade(person.skin, 0.5), 0.6)


def _folds(patch: Patch, person: Person, pose: Expression) -> None:
    """The lines beside the nose, on the forehead and between the brows."""
    skin = person.skin
    deep = max(pose.cheek, pose.wrinkle, 0.8 * pose.teeth * (pose.knit > 0.5))
    for side in (-1, 1):
        if deep > 0.2:
            fold = smooth([(side * 0.27, 0.42), (side * 0.46, 0.6), (side * (0.47 + 0.06 * pose.cheek), 0.8)])
            patch.line(fold, shade(skin, 1 - 0.36 * deep), 0.025)
        if pose.knit > 0.4:
            furrow = smooth([(side * 0.07, -0.52), (side * 0.055, -0.42), (side * 0.08, -0.32)])
            patch.line(furrow, shade(skin, 1 - 0.45 * pose.knit), 0.028)
    if max(pose.inner_brow, 0.5 * (pose.inner_brow + pose.outer_brow)) > 0.1:
        for k in range(3):
            y, reach = -0.78 - 0.13 * k, 0.5 - 0.08 * k if pose.outer_brow > 0.1 else 0.28
            patch.line(smooth([(-reach, y + 0.03), (0, y), (reach, y + 0.03)]), shade(skin, 0.78), 0.022)


def _eye(patch: Patch, person: Person, pose: Expression, side: int) -> None:
    x, y, half = 0.42 * person.face, -0.12, 0.215
    up, low = 0.125 * pose.eye, 0.085 * (1 - 0.75 * pose.squint) * min(1.15, 0.4 + 0.6 * pose.eye)
    slant = 0.07 * max(0.0, pose.inner_brow - pose.outer_brow)
    inner, outer = (-half, y + 0.035 - slant), (half, y - 0.01 + 0.6 * slant)

    def around(*points: tuple[float, float]) -> np.ndarray:
        """A curve through points whose x is measured from the eye outward."""
        return smooth([(side * (x + out), down) for out, down in points])

    top = around(inner, (-0.5 * half, y - 0.8 * up), (0.05 * half, y - up), (0.6 * half, y - 0.72 * up), outer)
    bottom = around(outer, (0.4 * half, y + low), (-0.4 * half, y + low), inner)
    shape = np.concatenate([top, bottom])
    ball = patch.copy()
    ball.fill(shape, (206, 212, 216))
    cx, cy = side * x, y - 0.01 + pose.gaze
    ball.ellipse(cx, cy, 0.118, 0.12, shade(person.iris, 0.5))
    ball.ellipse(cx, cy, 0.1, 0.102, person.iris)
    ball.ellipse(cx, cy + 0.03, 0.06, 0.045, shade(person.iris, 1.4))
    ball.ellipse(cx, cy, 0.046, 0.048, (14, 12, 12))
    ball.glow(cx, y - up, 0.3, 0.04, (70, 64, 70), 0.75)
    ball.ellipse(cx + 0.035, cy - 0.04, 0.022, 0.022, (255, 255, 255))
    patch.inside(shape, ball)
    patch.line(bottom, shade(person.skin, 0.6), 0.014)
    patch.line(top, shade(person.hair, 0.4), 0.03 + 0.02 * person.makeup)
    patch.line(top[4:-4] - (0, 0.055 + 0.02 * pose.eye), shade(person.skin, 0.62), 0.016)
    if pose.squint > 0.3:
        bag = around((-0.17, y + low + 0.07), (0.02, y + low + 0.1), (0.2, y + low + 0.05))
        patch.line(bag, shade(person.skin, 0.72), 0.02)


def _brow(patch: Patch, person: Person, pose: Expression, side: int) -> None:
    x, y, thick = 0.2 - 0.07 * pose.knit, -0.42, 0.05 * person.brows
    inner, outer = y - pose.inner_brow + 0.02, y - pose.outer_brow + 0.03
    mid = y - 0.075 - 0.4 * pose.inner_brow - 0.6 * pose.outer_brow
    top = smooth([(x, inner - thick), (x + 0.3, mid - thick), (x + 0.55, outer - 0.2 * thick)])
    low = smooth([(x + 0.55, outer), (x + 0.3, mid + thick * 0.8), (x, inner + thick)])
    fair = np.mean(person.hair) > 115
    patch.fill(np.concatenate([top, low]) * (side, 1), shade(person.hair, 0.72 if fair else 0.62))
