"""Words in a picture: fonts that have the letters, lines that fit, and plates that are legible on any frame."""

import subprocess
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

import matplotlib
import numpy as np
from PIL import Image, ImageDraw, ImageFont

from emotionscope.palette import COLOURS

Font = ImageFont.FreeTypeFont
INK, PLATE = (255, 255, 255), (16, 18, 22)
SOLID = 215  # of 255: how little of the frame shines through a plate
ABSENT = "\U0010ffff"  # which no font has


@lru_cache(maxsize=64)
def font_for(letters: str, size: int, bold: bool = False) -> Font:
    """A font that has the letters: DejaVu Sans, which has European ones and more, else one of this machine.

    Where none has them all, DejaVu shows boxes in their place.
    """
    name = f"DejaVuSans{'-Bold' if bold else ''}.ttf"
    font = _font(str(Path(matplotlib.get_data_path(), "fonts", "ttf", name)), size)
    missing = [letter for letter in sorted(set(letters)) if not letter.isspace() and not _has(font, letter)]
    for path in _installed(missing[0]) if missing else ():
        other = _font(path, size)
        if all(_has(other, letter) for letter in missing):
            return other
    return font


@lru_cache(maxsize=64)
def _font(path: str, size: int) -> Font:
    return ImageFont.truetype(path, size)


def _has(font: Font, letter: str) -> bool:
    return bytes(font.getmask(letter)) != bytes(font.getmask(ABSENT))


@lru_cache(maxsize=256)
def _installed(letter: str) -> tuple[str, ...]:
    """The fonts that fontconfig, where it is installed, knows to have a letter."""
    command = ["fc-list", f":charset={ord(letter):x}", "file"]
    try:
        listed = subprocess.run(command, capture_output=True, text=True, timeout=10, check=False).stdout
    except (OSError, subprocess.TimeoutExpired):
        return ()
    paths = (line.strip().removesuffix(":") for line in listed.splitlines())
    return tuple(sorted(path for path in paths if path.endswith((".ttf", ".otf", ".ttc"))))


def fitted(words: str, font: Font, width: int, lines: int = 2) -> list[str]:
    """The words on at most so many lines of a width in pixels; what does not fit is left out, and … says so."""
    found = [""]
    for word in words.split():
        longer = f"{found[-1]} {word}".strip()
        if not found[-1] or font.getlength(longer) <= width:
            found[-1] = longer
        else:
            found.append(word)
    if len(found) > lines:
        found = [*found[: lines - 1], f"{found[lines - 1]} …"]
    return [_cut(line, font, width) for line in found if line]


def _cut(line: str, font: Font, width: int) -> str:
    if font.getlength(line) <= width:
        return line
    while line and font.getlength(f"{line}…") > width:
        line = line[:-1]
    return f"{line.rstrip()}…"


@lru_cache(maxsize=512)
def plate(lines: Sequence[str], size: int, mark: str | None = None, width: int = 4096) -> np.ndarray:
    """The lines on a dark plate, uint8 RGBA [height, width, 4].

    With the emotion `mark`, a bar of its colour stands at the left: its name is among the words.
    """
    font = font_for("".join(lines), size)
    pad, bar = max(size // 3, 3), max(size // 3, 3) if mark else 0
    ascent, descent = font.getmetrics()
    step = ascent + descent
    broad = min(int(max(font.getlength(line) for line in lines)) + 1 + 2 * pad + bar, width)
    picture = Image.new("RGBA", (broad, step * len(lines) + pad), (*PLATE, SOLID))
    draw = ImageDraw.Draw(picture)
    if mark:
        draw.rectangle((0, 0, bar - 1, picture.height), (*rgb(mark), 255))
    for place, line in enumerate(lines):
        draw.text((bar + pad, pad // 2 + place * step), line, (*INK, 255), font)
    return np.asarray(picture)


def rgb(emotion: str) -> tuple[int, int, int]:
    """The colour of an emotion: red, green and blue in 0..255."""
    colour = COLOURS[emotion]
    return int(colour[1:3], 16), int(colour[3:5], 16), int(colour[5:7], 16)
