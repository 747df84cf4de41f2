"""One HTML page of one film, to be mailed: everything is inside it, and it asks nothing of any server."""

import base64
from collections import Counter
from dataclasses import dataclass

import jinja2

from emotionscope import __version__
from emotionscope.errors import RowError
from emotionscope.film import curve, moments, stills
from emotionscope.film import frame as drawing
from emotionscope.film.answers import Film, SeenFace
from emotionscope.film.figure import spread
from emotionscope.film.moments import Moment
from emotionscope.film.saving import FilmOnDisk
from emotionscope.labels import EMOTIONS
from emotionscope.palette import COLOURS
from emotionscope.storage.place import Place
from emotionscope.video.sampler import Frame

PEOPLE = 8  # whose faces are shown, the most prominent ones
FACES = 8  # pictures of each
WIDE, THUMB = 640, 112  # pixels a side of a moment's picture, and of a face's
LETTERS = 26  # pixels of a letter in a moment's picture, which is shown at about half its size


@dataclass(frozen=True)
class Pictures:
    """JPEGs of the moments in their order, and of faces by person; none where the video is not at hand, and why."""

    moments: list[bytes]
    faces: dict[int, list[tuple[SeenFace, bytes]]]
    missing: str | None = None


def render(film: Film, folder: Place | None, model: str, bundles: list[str]) -> str:
    """The page of a film that lies in `folder`; without one, or where it cannot be read, it has no pictures.

    The lines' emotions are those of `model`, and `bundles` are the versions that gave them. All text is escaped.
    """
    chosen = moments.choose(film, model)
    pictures = _pictures(film, folder, chosen)
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("emotionscope.film"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["picture"] = lambda image: f"data:image/jpeg;base64,{base64.b64encode(image).decode()}"
    environment.filters["clock"] = clock
    counts = Counter(answer[0] for line in film.lines if (answer := line.likeliest(model)))
    return environment.get_template("film.html").render(
        film=film,
        model=model,
        bundles=bundles,
        moments=chosen,
        pictures=pictures,
        counts=[(emotion, counts[emotion]) for emotion in EMOTIONS if counts[emotion]],
        charts=[curve.draw(film, model, width) for width in curve.WIDTHS],
        people=len(film.people),
        person=drawing.person,
        emotions=EMOTIONS,
        colours=COLOURS,
        version=__version__,
    )


def _pictures(film: Film, folder: Place | None, chosen: list[Moment]) -> Pictures:
    if folder is None:
        return Pictures([], {}, "--videos names the folder of the videos: then the page has pictures.")
    shown = {
        number: spread(Film(film.name, faces=own), FACES)
        for number in film.people[:PEOPLE]
        if (own := tuple(face for face in film.faces if face.person == number))
    }
    faces = [face for own in shown.values() for face in own]
    times = [*(moment.time for moment in chosen), *(face.time for face in faces)]
    if not times:
        return Pictures([], {})
    try:
        frames = FilmOnDisk(film, folder).stills(times)
    except RowError as error:
        return Pictures([], {}, f"The film cannot be read, so there are no pictures: {error}.")
    large = [_drawn(film, moment, frame) for moment, frame in zip(chosen, frames, strict=False)]
    small = iter(zip(faces, frames[len(chosen) :], strict=True))
    return Pictures(large, {number: [_thumb(*next(small)) for _ in own] for number, own in shown.items()})


def _drawn(film: Film, moment: Moment, frame: Frame) -> bytes:
    """The frame of a moment with its faces; the words stand beside it."""
    image, scale = stills.shrunk(frame.image, WIDE)
    seen = [face for face in film.at(moment.time) if abs(face.time - moment.time) < film.step]
    marked = [drawing.scaled(face, frame.scale * scale) for face in seen]
    return stills.jpeg(drawing.draw(image, marked, letters=LETTERS))


def _thumb(face: SeenFace, frame: Frame) -> tuple[SeenFace, bytes]:
    box = face.box
    square = stills.crop(frame, (box["x"], box["y"], box["w"], box["h"]))
    return face, stills.jpeg(stills.shrunk(square, THUMB)[0])


def clock(seconds: float) -> str:
    """A time as a player shows it, such as 1:05 or 1:02:05."""
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"
