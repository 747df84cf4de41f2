"""One frame with what the models say of it: the only place that draws on frames."""

from collections.abc import Sequence
from dataclasses import replace

import cv2
import numpy as np

from emotionscope.film import lettering
from emotionscope.film.answers import Line, SeenFace
from emotionscope.video.faces import Box

TEXT = 30  # a letter's height is this part of the frame's shorter side
SMALLEST = 13  # pixels of a letter
NARROW = 60  # pixels of a face's width below which only the emotion is written at it


def draw(
    image: np.ndarray,
    faces: Sequence[SeenFace],
    line: Line | None = None,
    model: str = "fused",
    letters: int | None = None,
) -> np.ndarray:
    """A frame, uint8 BGR [height, width, 3], with its faces marked and the words of a line below.

    Each face has a box of its emotion's colour, thick where it speaks, and a plate with its person, by name where it
    has one, emotion and probability. The line has what a model says of it. `letters` is the height of the plates'
    letters in pixels.
    """
    result = np.ascontiguousarray(image).copy()
    height, width = result.shape[:2]
    size = letters or max(min(height, width) // TEXT, SMALLEST)
    for face in faces:
        _outline(result, face, max(size // 8, 2))
    if line:
        _caption(result, line, model, round(size * 1.15))
    for face in faces:
        _name(result, face, size)
    return result


def _outline(image: np.ndarray, face: SeenFace, thick: int) -> None:
    box = face.box
    corners = (box["x"], box["y"]), (box["x"] + box["w"], box["y"] + box["h"])
    red, green, blue = lettering.rgb(face.emotion)
    thick = 2 * thick if face.speaks else thick
    cv2.rectangle(image, *corners, lettering.PLATE[::-1], thick + 2, cv2.LINE_AA)
    cv2.rectangle(image, *corners, (blue, green, red), thick, cv2.LINE_AA)


def _name(image: np.ndarray, face: SeenFace, size: int) -> None:
    """The plate of a face, above its box, or at the top inside it where there is no room."""
    words = f"{face.emotion} {face.probability:.0%}"
    if face.box["w"] >= NARROW or face.speaks:
        words = f"{face.name or person(face.person)}{', speaks' if face.speaks else ''}: {words}"
    plate = lettering.plate((words,), size, face.emotion)
    above = face.box["y"] - len(plate) - 2
    _paste(image, plate, face.box["x"], above if above >= 0 else face.box["y"] + 2)


def _caption(image: np.ndarray, line: Line, model: str, size: int) -> None:
    """The words of a line, in the middle at the foot of the frame."""
    height, width = image.shape[:2]
    answer = line.likeliest(model)
    words = f"{line.speaker}: {line.text}" if line.speaker else line.text
    told = [f"{model}: {answer[0]} {answer[1]:.0%}"] if answer else []
    font = lettering.font_for(words, size)
    lines = [*lettering.fitted(words, font, round(width * 0.88) - 2 * size), *told]
    if lines:
        plate = lettering.plate(tuple(lines), size, answer[0] if answer else None, width)
        _paste(image, plate, (width - plate.shape[1]) // 2, height - len(plate) - size // 2)


def _paste(image: np.ndarray, plate: np.ndarray, left: int, top: int) -> None:
    """Lay a plate, uint8 RGBA, on a BGR image; it is moved inwards where it would stand over the edge."""
    height, width = image.shape[:2]
    plate = plate[:height, :width]
    left, top = max(min(left, width - plate.shape[1]), 0), max(min(top, height - len(plate)), 0)
    under = image[top : top + len(plate), left : left + plate.shape[1]]
    share = plate[:, :, 3:].astype(np.float32) / 255
    under[:] = np.rint(plate[:, :, 2::-1] * share + under * (1 - share)).astype(np.uint8)


def scaled(face: SeenFace, scale: float) -> SeenFace:
    """A face whose box is in pixels as shown, in those of a frame that is `scale` times smaller."""
    if scale == 1:
        return face
    x, y, w, h = (round(value / scale) for value in (face.box["x"], face.box["y"], face.box["w"], face.box["h"]))
    return replace(face, box=Box(x=x, y=y, w=w, h=h))


def person(number: int | None) -> str:
    """A person by the number that the tables have."""
    return "unknown" if number is None else f"person {number}"
