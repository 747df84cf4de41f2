"""Draws a person's head in an expression, and the shoulders below it."""

import numpy as np

from emotionscope.sample.drawing import Patch, Points, mirror, shade, smooth
from emotionscope.sample.expressions import Expression, draw_expression
from emotionscope.sample.person import Person

CROWN = ((-1.06, -0.1), (-1.1, -0.75), (-0.75, -1.32), (0, -1.55))  # left half of the hair's upper edge
LONG_CROWN = ((-1.02, 0.5), (-1.2, -0.3), *CROWN[1:])
HAIRLINES: dict[str, Points] = {  # from right to left; symmetric ones as their right half
    "short": mirror([(0.93, -0.35), (0.86, -0.72), (0.5, -0.98), (0, -1.02)]),
    "fringe": mirror([(0.95, -0.2), (0.86, -0.62), (0.45, -0.72), (0, -0.75)]),
    "receding": mirror([(0.97, -0.3), (0.92, -0.75), (0.66, -1.12), (0, -1.18)]),
    "parted": [(0.93, -0.3), (0.84, -0.7), (0.55, -1.0), (0.35, -1.12), (-0.3, -0.9), (-0.84, -0.6), (-0.93, -0.3)],
    "long": [(0.9, 0.5), (0.92, -0.45), (0.55, -0.98), (0.12, -1.15), (-0.55, -0.98), (-0.92, -0.45), (-0.9, 0.5)],
}
HAIRLINES |= {"curly": HAIRLINES["short"], "bun": HAIRLINES["short"], "bob": HAIRLINES["long"]}
FRAME = (40, 40, 52)  # of glasses


def draw_bust(person: Person) -> Patch:
    """What stays still when the head moves: shoulders, clothes, neck and long hair."""
    patch = Patch(-2.5, -1.7, 2.5, 6.5)
    if person.style in ("long", "bob"):
        low = 2.2 if person.style == "long" else 1.25
        hair = [(0, -1.5), (1.0, -1.15), (1.27, -0.2), (1.25, low * 0.6), (1.1, low), (0, low)]
        patch.fill(smooth(mirror(hair), True), shade(person.hair, 0.75))
    cloth, skin = person.clothes, person.skin
    torso = [(0, 1.6), (0.5, 1.56), (1.5, 1.95), (1.98, 2.7), (2.15, 4.2), (2.1, 6.8), (0, 6.8)]
    patch.fill(smooth(mirror(torso), True), cloth)
    for side in (-1, 1):
        patch.glow(side * 1.5, 3.2, 0.22, 1.2, shade(cloth, 0.6), 0.5)
        patch.glow(side * 0.8, 2.2, 0.35, 0.3, shade(cloth, 1.4), 0.4)
    neck = [(0, 0.6), (0.56, 0.7), (0.5, 1.4), (0.62, 1.7), (0.25, 2.05), (0, 2.15)]
    patch.fill(smooth(mirror(neck), True), shade(skin, 0.9))
    patch.glow(0, 1.38, 0.6, 0.26, shade(skin, 0.45), 0.75)
    return patch


def draw_head(person: Person, pose: Expression, light: float) -> Patch:
    """A head in an expression; `light` is where it comes from, -1 left to 1 right."""
    patch = Patch(-1.65, -2.1, 1.65, 1.95)
    drop = 0.35 * max(pose.open - 0.08, 0)
    skin = person.skin
    _hair_behind(patch, person)
    for side in (-1, 1):
        patch.ellipse(side * person.face, 0.1, 0.13, 0.26, shade(skin, 0.85))
        patch.ellipse(side * person.face, 0.1, 0.06, 0.17, shade(skin, 0.68))
    patch.fill(_outline(person, drop), skin)
    patch.glow(light * 0.35, -0.55, 0.65, 0.45, shade(skin, 1.18), 0.55)
    patch.glow(-light * 1.25, 0.3, 0.42, 1.1, shade(skin, 0.55), 0.75)
    patch.glow(light * 1.35, 0.5, 0.28, 0.9, shade(skin, 0.7), 0.6)
    patch.glow(0, 1.5 + drop, 0.9, 0.2, shade(skin, 0.6), 0.6)
    red = (skin[0] * 0.72, skin[1] * 0.74, skin[2])
    for side in (-1, 1):
        blush = 0.25 + 0.2 * person.makeup + 0.15 * pose.cheek
        patch.glow(side * 0.55, 0.38 - 0.06 * pose.cheek, 0.24, 0.2, red, blush)
        patch.glow(side * 0.42, -0.17, 0.27, 0.17, shade(skin, 0.6), 0.7)
        patch.glow(side * 0.5, 0.2, 0.22, 0.1, shade(skin, 1.15), 0.5)
    if person.beard:
        for x, y, rx, ry in ((-0.68, 0.75, 0.16, 0.4), (0.68, 0.75, 0.16, 0.4), (0, 1.2 + drop, 0.5, 0.2)):
            patch.glow(x, y, rx, ry, shade(person.hair, 0.9), person.beard)
        patch.glow(0, 0.66, 0.3, 0.05, shade(person.hair, 0.9), person.beard)
    draw_expression(patch, person, pose, light, drop)
    _hair_before(patch, person, light)
    if person.glasses:
        _glasses(patch)
    return patch


def _outline(person: Person, drop: float) -> np.ndarray:
    """The outline of the face, the chin `drop` lower than at rest."""
    w, j = person.face, person.jaw
    half = [
        (0, -1.3), (0.55 * w, -1.2), (0.92 * w, -0.72), (0.98 * w, -0.1), (0.92 * w, 0.42 + 0.2 * drop),
        ((0.66 + 0.12 * j) * w, 0.9 + 0.6 * drop), ((0.28 + 0.14 * j) * w, 1.24 + drop), (0, 1.33 - 0.03 * j + drop),
    ]  # fmt: skip
    return smooth(mirror(half), closed=True)


def _hair_behind(patch: Patch, person: Person) -> None:
    hair = shade(person.hair, 0.8)
    if person.style == "curly":
        for turn in np.linspace(-0.25 * np.pi, 1.25 * np.pi, 17):
            patch.ellipse(1.08 * np.cos(turn), -0.55 - 0.85 * np.sin(turn), 0.3, 0.3, hair)
    if person.style == "bun":
        patch.ellipse(0, -1.6, 0.42, 0.36, hair)
    if person.style in ("long", "bob"):
        half = [(0, -1.52), (0.8, -1.32), (1.18, -0.6), (1.22, 0.3), (1.1, 0.9), (0.8, 0.6)]
        patch.fill(smooth(mirror(half), closed=True), hair)


def _hair_before(patch: Patch, person: Person, light: float) -> None:
    """The hair above and beside the face."""
    crown = mirror(LONG_CROWN if person.style in ("bob", "long") else CROWN)
    edge = np.concatenate([smooth(crown), smooth(HAIRLINES[person.style])])
    patch.fill(edge * (person.face, 1), person.hair)
    if person.style == "curly":
        for turn in np.linspace(0.1 * np.pi, 0.9 * np.pi, 9):
            tone = shade(person.hair, 1.0 + 0.15 * np.sin(9 * turn))
            patch.ellipse(0.85 * np.cos(turn), -0.5 - 0.72 * np.sin(turn), 0.24, 0.22, tone)
    for k in range(5):
        x = -0.5 + 0.25 * k + 0.15 * light
        strand = [(x * 0.7, -1.46 + 0.1 * abs(x)), (x * 1.05, -1.32 + 0.1 * abs(x)), (x * 1.3, -1.2 + 0.2 * abs(x))]
        patch.line(smooth(strand), shade(person.hair, 1.22), 0.014)
    patch.glow(0.4 * light, -1.3, 0.4, 0.09, shade(person.hair, 1.5), 0.5)


def _glasses(patch: Patch) -> None:
    turn = np.linspace(0, 2 * np.pi, 40)
    for side in (-1, 1):
        patch.line(np.stack([side * 0.43 + 0.32 * np.cos(turn), -0.09 + 0.25 * np.sin(turn)], 1), FRAME, 0.022)
        patch.line([(side * 0.75, -0.14), (side * 1.0, -0.1)], FRAME, 0.022)
    patch.line(smooth([(-0.12, -0.12), (0, -0.16), (0.12, -0.12)]), FRAME, 0.022)
