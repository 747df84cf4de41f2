"""The people of the sample: how each of them looks."""

from dataclasses import dataclass

import numpy as np

from emotionscope.sample.drawing import Colour

SKINS: tuple[Colour, ...] = (
    (186, 208, 240), (168, 194, 232), (150, 178, 220), (128, 160, 208), (104, 138, 190), (84, 116, 166), (70, 98, 142),
)  # fmt: skip
HAIRS: tuple[Colour, ...] = (
    (28, 26, 30), (34, 42, 62), (44, 62, 96), (52, 88, 140), (96, 150, 196), (38, 58, 140), (120, 124, 128),
)  # fmt: skip
CLOTHES: tuple[Colour, ...] = (
    (120, 84, 52), (70, 60, 150), (84, 120, 72), (150, 150, 160), (60, 130, 190), (110, 70, 110), (50, 50, 58),
    (160, 140, 70), (180, 190, 205),
)  # fmt: skip
IRISES: tuple[Colour, ...] = ((50, 70, 100), (40, 52, 74), (140, 110, 70), (90, 120, 90))
HAIR_STYLES = ("short", "parted", "fringe", "bob", "long", "curly", "bun", "receding")


@dataclass(frozen=True)
class Person:
    """How somebody looks; colours are BGR."""

    skin: Colour
    hair: Colour
    style: str
    iris: Colour
    clothes: Colour
    face: float  # width, 1 on average
    jaw: float  # 0 pointed to 1 square
    brows: float  # thickness, 1 on average
    lips: float  # fullness, 1 on average
    nose: float  # width, 1 on average
    makeup: float  # 0 to 1
    beard: float  # 0 to 1
    glasses: bool


def draw_person(rng: np.random.Generator) -> Person:
    """Make up somebody."""
    woman = rng.random() < 0.5
    tint = rng.normal(1, 0.03) * rng.normal(1, 0.012, 3)
    skin = tuple(np.clip(np.array(SKINS[rng.integers(len(SKINS))]) * tint, 30, 250))
    styles = HAIR_STYLES[2:7] if woman else (*HAIR_STYLES[:3], "curly", "receding")
    return Person(
        skin=skin,
        hair=HAIRS[rng.integers(len(HAIRS))],
        style=styles[rng.integers(len(styles))],
        iris=IRISES[rng.integers(len(IRISES))],
        clothes=CLOTHES[rng.integers(len(CLOTHES))],
        face=rng.uniform(0.92, 1.06),
        jaw=rng.uniform(0.0, 0.4) if woman else rng.uniform(0.4, 1.0),
        brows=rng.uniform(0.7, 1.0) if woman else rng.uniform(1.0, 1.35),
        lips=rng.uniform(1.0, 1.35) if woman else rng.uniform(0.75, 1.05),
        nose=rng.uniform(0.85, 1.0) if woman else rng.uniform(0.95, 1.2),
        makeup=rng.uniform(0.3, 1.0) if woman else 0.0,
        beard=0.0 if woman or rng.random() < 0.6 else rng.uniform(0.4, 0.9),
        glasses=bool(rng.random() < 0.12),
    )
