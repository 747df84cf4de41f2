"""Faces as one figure: a frame, a strip of faces, and the emotions over time."""

import io
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from emotionscope.film import frame as drawing
from emotionscope.film import stills
from emotionscope.film.answers import Film, SeenFace
from emotionscope.film.saving import FilmOnDisk
from emotionscope.labels import EMOTIONS
from emotionscope.palette import COLOURS

STRIP = 8  # faces in the strip
BGR_TO_RGB = slice(None, None, -1)


class Picture(Figure):
    """A Figure of Matplotlib that a notebook shows by itself."""

    def _repr_png_(self) -> bytes:
        content = io.BytesIO()
        self.savefig(content, format="png", dpi=110, bbox_inches="tight")
        return content.getvalue()


def draw(found: FilmOnDisk, start: float = 0.0) -> Picture:
    """The figure for faces of a video whose times are counted from the second `start` of it. Raises RowError."""
    film = found.film
    best, strip = most_telling(film), spread(film)
    frames = found.stills([start + face.time for face in (best, *strip)])
    moving = len({face.time for face in film.faces}) > 1
    image = frames[0].image
    high = 9 * image.shape[0] / image.shape[1]
    heights = [min(high, 7.0), 1.5, *([2.4] if moving else [])]
    figure = Picture(figsize=(9, sum(heights)), layout="constrained")
    grid = figure.add_gridspec(len(heights), STRIP, height_ratios=heights)
    axes = figure.add_subplot(grid[0, :])
    marked = [drawing.scaled(face, frames[0].scale) for face in film.at(best.time)]
    axes.imshow(drawing.draw(image, marked)[:, :, BGR_TO_RGB])
    axes.set_axis_off()
    if moving:
        axes.set_title(f"{film.title} at {start + best.time:.1f} s", fontsize=10, loc="left", parse_math=False)
    for place, (face, frame) in enumerate(zip(strip, frames[1:], strict=True)):
        box = face.box
        cell = figure.add_subplot(grid[1, place])
        cell.imshow(stills.crop(frame, (box["x"], box["y"], box["w"], box["h"]))[:, :, BGR_TO_RGB])
        cell.set(xticks=[], yticks=[])
        cell.spines[:].set(color=COLOURS[face.emotion], linewidth=3)
        when = f"{start + face.time:.1f} s, " if moving else ""
        cell.set_title(f"{face.emotion} {face.probability:.0%}", fontsize=8)
        cell.set_xlabel(f"{when}{drawing.person(face.person)}", fontsize=7)
    if moving:
        _curve(figure.add_subplot(grid[2, :]), film, start)
    return figure


def _curve(axes: Any, film: Film, start: float) -> None:
    """The mean probability of each emotion over the faces of a frame, each by its quality."""
    times, means = [], []
    for time, faces in film.faces_by_time():
        times.append(start + time)
        weights = [max(face.quality, 1e-6) for face in faces]
        means.append(np.average([face.answer for face in faces], axis=0, weights=weights))
    for emotion, values in zip(EMOTIONS, np.array(means).T, strict=True):
        axes.plot(times, values, color=COLOURS[emotion], label=emotion, marker="o", markersize=2.5, linewidth=1.2)
    axes.set(ylim=(0, 1), xlabel="seconds", ylabel="probability")
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(ncols=len(EMOTIONS), fontsize=8, frameon=False, loc="lower center", bbox_to_anchor=(0.5, 1.0))


def most_telling(film: Film) -> SeenFace:
    """The surest face that is not neutral, by its probability and quality; else the best to be seen."""
    return max(film.faces, key=lambda face: (face.emotion != "neutral", face.probability * face.quality))


def spread(film: Film, count: int = STRIP) -> list[SeenFace]:
    """The face that is best to be seen in each of `count` even parts of the faces, in order of time."""
    parts = np.array_split(np.arange(len(film.faces)), min(count, len(film.faces)))
    return [max((film.faces[place] for place in part), key=lambda face: face.quality) for part in parts]
